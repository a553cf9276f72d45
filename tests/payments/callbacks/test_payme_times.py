"""Payme's clock: twelve hours to perform, statements by its own time; and fiscal receipts."""

from datetime import timedelta

import pytest

from payments.callbacks.payme.records import milliseconds
from payments.callbacks.payme.transactions import cancel_timed_out
from tests.given import NOON
from tests.payments.callbacks.payme import FEE, TWELVE_HOURS, about, asked, at, new
from tests.superuser import rows


def test_the_twelve_hours_are_of_paymes_own_time(payme, bill):
    made = payme.create(bill, time=NOON - timedelta(hours=11))

    assert payme.error("PerformTransaction", NOON + timedelta(hours=1), id=made) == -31008
    assert payme.state(made) == (-1, 4)


def test_one_millisecond_before_twelve_hours_a_transaction_can_be_performed(payme, bill):
    made = payme.create(bill)
    just = NOON + TWELVE_HOURS - timedelta(milliseconds=1)

    assert payme.result("PerformTransaction", just, id=made)["state"] == 2


def test_a_create_that_is_twelve_hours_old_is_refused_and_not_listed(payme, bill, given):
    made = new()
    old = asked(bill, made, time=NOON - TWELVE_HOURS)

    assert payme.error("CreateTransaction", **old) == -31008
    assert payme.error("CreateTransaction", **old) == -31008
    assert payme.error("PerformTransaction", id=made) == -31008
    assert payme.result("GetStatement", **{"from": 0, "to": 2**62}) == {"transactions": []}
    assert payme.result("CheckPerformTransaction", **about(bill))["allow"] is True


def test_a_repeated_create_after_twelve_hours_is_refused_and_frees_the_bill(payme, bill):
    made = payme.create(bill)

    assert payme.error("CreateTransaction", NOON + TWELVE_HOURS, **asked(bill, made)) == -31008
    assert payme.state(made) == (-1, 4)


def test_a_new_create_takes_a_bill_whose_old_transaction_timed_out(payme, bill):
    old, new_id = payme.create(bill), new()
    tomorrow = NOON + timedelta(hours=13)
    payme.result("CreateTransaction", tomorrow, **asked(bill, new_id, time=tomorrow))

    assert payme.state(old) == (-1, 4)
    assert payme.state(new_id) == (1, None)


def test_a_time_that_lies_more_than_a_day_ahead_is_refused_and_not_kept(payme, bill):
    made = new()
    ahead = asked(bill, made, time=NOON + timedelta(days=1, milliseconds=1))

    assert payme.error("CreateTransaction", **ahead) == -32600
    assert payme.error("CheckTransaction", id=made) == -31003


def test_the_job_cancels_what_waited_twelve_hours_and_nothing_else(payme, given, db):
    old, young = payme.create(given.open_bill()), payme.create(given.open_bill(), time=at(1))
    done = payme.performed(given.open_bill())
    with db.transaction() as session:
        assert cancel_timed_out(session, at=NOON + TWELVE_HOURS) == 1
    with db.transaction() as session:
        assert cancel_timed_out(session, at=NOON + TWELVE_HOURS) == 0

    assert [payme.state(one) for one in (old, young, done)] == [(-1, 4), (1, None), (2, None)]
    given.proves()


def test_a_statement_goes_by_paymes_time_ascending_with_both_ends_inside(payme, given):
    times = [30, 10, 20, 40]
    ids = {}
    for second in times:
        bill = given.open_bill()
        ids[second] = payme.create(bill, at=at(100 - second), time=at(second))

    told = payme.result(
        "GetStatement", **{"from": milliseconds(at(10)), "to": milliseconds(at(30))}
    )
    assert [one["id"] for one in told["transactions"]] == [ids[10], ids[20], ids[30]]
    assert [one["time"] for one in told["transactions"]] == [
        milliseconds(at(n)) for n in (10, 20, 30)
    ]
    one = payme.result("GetStatement", **{"from": milliseconds(at(40)), "to": milliseconds(at(40))})
    assert [two["id"] for two in one["transactions"]] == [ids[40]]
    turned = payme.result(
        "GetStatement", **{"from": milliseconds(at(30)), "to": milliseconds(at(10))}
    )
    assert turned == {"transactions": []}


def test_a_line_of_a_statement_has_every_member_of_the_protocol(payme, bill):
    made = payme.performed(bill)
    (line,) = payme.result("GetStatement", **{"from": 0, "to": 2**62})["transactions"]

    checked = payme.result("CheckTransaction", id=made)
    assert line == checked | {
        "id": made,
        "time": milliseconds(NOON),
        "amount": FEE,
        "account": {"reference": bill.reference},
        "receivers": None,
    }


RECEIPT = {
    "receipt_id": 121,
    "status_code": 0,
    "message": "accepted",
    "terminal_id": "EP000000000025",
    "fiscal_sign": "800031554082",
    "qr_code_url": "https://ofd.example/check?t=EP",
    "date": "20261120120000",
}


def test_fiscal_data_comes_twice_for_each_of_the_two_receipts(payme, bill, db):
    made = payme.performed(bill)
    payme.result("CancelTransaction", id=made, reason=5)
    for kind in ("PERFORM", "CANCEL"):
        for _ in range(2):
            told = payme.result("SetFiscalData", id=made, type=kind, fiscal_data=RECEIPT)
            assert told == {"success": True}

    assert rows(db.url, "SELECT type, data FROM payments.payme_fiscal ORDER BY type") == [
        ("CANCEL", RECEIPT),
        ("PERFORM", RECEIPT),
    ]


def test_fiscal_data_of_nothing_known_is_refused(payme, bill):
    made = payme.performed(bill)

    params = {"id": new(), "type": "PERFORM", "fiscal_data": RECEIPT}
    assert payme.error("SetFiscalData", **params) == -32001
    assert payme.error("SetFiscalData", **params | {"id": made, "type": "REFUND"}) == -32602


@pytest.mark.parametrize("value", ["\x00", "\ud800", 1.5, float("nan"), [1], {"a": 1}])
def test_fiscal_data_that_cannot_be_kept_is_refused(payme, bill, value):
    made = payme.performed(bill)
    data = RECEIPT | {"message": value}

    assert payme.error("SetFiscalData", id=made, type="PERFORM", fiscal_data=data) == -32602
