"""Payme and the bill: what may be paid, and what becomes of money that takes another way meanwhile."""

from datetime import timedelta

import pytest

from ledger.accounts import AccountKey
from ledger.chart import PAYER_CREDIT, JournalKind
from ledger.journals import Journal, Transfer
from ledger.money import UZS
from ledger.posting import post_all
from payments.bills import BillState, cancel_bill
from payments.breaks import BreakState, breaks_in
from payments.references import show, with_check_digits
from tests.given import AGENCY, CLERK, NOON
from tests.payments.callbacks.payme import CLEARING, FEE, VALID, Payme, about, asked, new
from tests.superuser import as_superuser, rows


@pytest.mark.parametrize("amount", [FEE + 1, FEE - 1, 0, -FEE, 412_000, 2**63 - 1, -(2**63) + 1])
def test_step_2_another_amount_than_owed_is_refused(payme, bill, amount):
    assert payme.error("CheckPerformTransaction", **about(bill, amount=amount)) == -31001
    assert payme.error("CreateTransaction", **asked(bill, new(), amount=amount)) == -31001
    assert nothing_kept(payme)


@pytest.mark.parametrize(
    "account",
    [
        {},
        {"reference": None},
        {"reference": ""},
        {"reference": "1"},
        {"reference": True},
        {"reference": 1.5},
        {"reference": 2020000100000000017.8},
        {"reference": []},
        {"reference": {"a": 1}},
        {"reference": "\x00"},
        {"reference": "\ud800" * 20},
        {"reference": "9" * 4000},
        {"reference": with_check_digits("202000010000000001")},
        {"reference": with_check_digits("999900010000000001")},
        {"Reference": with_check_digits("202000010000000001")},
    ],
    ids=lambda account: repr(account)[:50],
)
def test_step_3_an_unknown_reference_is_an_account_error_that_names_the_field(asker, account):
    for method in ("CheckPerformTransaction", "CreateTransaction"):
        params = VALID[method] | {"account": account}
        told = asker.call(method, **params)["error"]
        assert -31099 <= told["code"] <= -31050
        assert told["data"] == "reference"
        assert set(told["message"]) == {"uz", "ru", "en"}
    assert nothing_kept(asker)


def test_a_reference_is_taken_as_people_write_it(payme, bill):
    told = payme.result(
        "CheckPerformTransaction", **about(bill, account={"reference": show(bill.reference)})
    )
    assert told["allow"] is True
    number = int(bill.reference)
    assert payme.result(
        "CheckPerformTransaction", **about(bill, account={"reference": number, "more": 1})
    )["allow"]


def nothing_kept(payme: Payme) -> bool:
    return rows(payme.database.url, "SELECT count(*) FROM payments.payme_transaction") == [(0,)]


def test_a_bill_that_is_not_owed_is_refused_with_its_own_code(payme, given, db):
    paid, expired, cancelled = (given.open_bill() for _ in range(3))
    given.settled_charge(paid)
    as_superuser(
        db.url, "UPDATE payments.bill SET expires_at = :at WHERE id = :id", at=NOON, id=expired.id
    )
    with db.transaction() as session:
        cancel_bill(session, cancelled.reference, by=CLERK, at=NOON)

    codes = {-31051: paid, -31053: expired, -31054: cancelled}
    for code, bill in codes.items():
        assert payme.error("CheckPerformTransaction", **about(bill)) == code
        assert payme.error("CreateTransaction", **asked(bill, new())) == code
    assert nothing_kept(payme)


def test_a_bill_under_way_elsewhere_is_busy(payme, given, bill):
    given.pending_charge(bill, "stripe")

    assert payme.error("CheckPerformTransaction", **about(bill)) == -31052
    assert payme.error("CreateTransaction", **asked(bill, new())) == -31052


def test_an_attempt_elsewhere_that_was_never_sent_gives_way(payme, given, bill, db):
    given.pending_charge(bill, "stripe")
    as_superuser(db.url, "UPDATE payments.charge SET state = 'created', provider_ref = null")

    assert payme.state(payme.create(bill)) == (1, None)


def test_a_bill_paid_otherwise_meanwhile_is_not_debited_a_second_time(payme, bill, given, db):
    made = payme.create(bill)
    as_superuser(db.url, "UPDATE payments.bill SET state = 'paid', paid_at = :at", at=NOON)

    assert payme.error("PerformTransaction", id=made) == -31008
    assert given.balance(AGENCY, CLEARING) == UZS("0")
    assert payme.result("CancelTransaction", id=made, reason=3)["state"] == -1


def test_a_bill_cancelled_meanwhile_is_not_debited(payme, bill, given, db):
    made = payme.create(bill)
    with db.transaction() as session:
        cancel_bill(session, bill.reference, by=CLERK, at=NOON)

    assert payme.error("PerformTransaction", id=made) == -31008
    assert given.balance(AGENCY, CLEARING) == UZS("0")


def test_a_bill_that_expires_while_it_is_being_paid_is_paid(payme, bill, given):
    last_moment = bill.expires_at - timedelta(minutes=1)
    made = payme.create(bill, at=last_moment, time=last_moment)
    payme.result("PerformTransaction", bill.expires_at + timedelta(hours=1), id=made)

    assert given.bill(bill).state == BillState.PAID
    given.proves()


def test_a_refund_of_credit_that_was_spent_is_refused_with_its_code(payme, bill, given, db):
    made = payme.create(bill)
    as_superuser(db.url, "UPDATE payments.bill SET amount_minor = 1")
    payme.result("PerformTransaction", id=made)
    credit = AccountKey(PAYER_CREDIT, "", "UZS")
    with db.transaction() as session:
        move = Transfer(credit, CLEARING, UZS("1"))
        kind = JournalKind.PAYMENT_CONFIRMED
        post_all(session, [Journal(AGENCY, "test", "spent", kind, NOON.date(), [move])])

    assert payme.error("CancelTransaction", id=made, reason=5) == -31007
    assert payme.state(made) == (2, None)
    with db.transaction() as session:
        assert [one.kind for one in breaks_in(session, BreakState.OPEN)] == ["amount"]


def test_after_a_refund_the_bill_is_owed_and_can_be_paid_otherwise(payme, bill, given):
    payme.result("CancelTransaction", id=payme.performed(bill), reason=5)
    given.settled_charge(bill, "stripe")

    assert given.bill(bill).state == BillState.PAID
    assert given.balance(AGENCY, CLEARING) == UZS("0")
    given.proves()
