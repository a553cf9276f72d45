"""Payme's Merchant API: its sandbox's thirteen steps, every repeat alike, and nothing paid twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ledger.money import UZS, Money
from payments.bills import Bill, BillState
from payments.callbacks.payme.records import milliseconds
from payments.charges import charges_of
from tests.given import AGENCY, NOON, Given
from tests.payments.callbacks.payme import (
    CLEARING,
    FEE,
    TWELVE_HOURS,
    VALID,
    Payme,
    about,
    asked,
    at,
    new,
)
from tests.superuser import rows


def test_the_thirteen_steps_of_paymes_sandbox(payme, given):
    """Steps 1 to 3 stand in test_payme_calls and test_payme_bills, for every method."""
    bill, other = given.open_bill(), given.open_bill()
    first, third, fifth = new(), new(), new()

    steps_4_to_6_create(payme, bill, first)
    step_7_cancel(payme, bill, first)
    steps_8_and_9_perform(payme, given, bill, third)
    step_10_give_the_money_back(payme, given, bill, third)
    assert payme.error("PerformTransaction", id=first) == -31008  # 11
    assert payme.error("PerformTransaction", id=new()) == -31003
    step_12_wait_too_long(payme, other, fifth)
    span = {"from": milliseconds(NOON), "to": milliseconds(at(99))}
    told = payme.result("GetStatement", **span)["transactions"]  # 13
    assert [(one["id"], one["state"], one["reason"]) for one in told] == [
        (first, -1, 3),
        (third, -2, 5),
        (fifth, -1, 4),
    ]
    given.proves()


def steps_4_to_6_create(payme: Payme, bill: Bill, first: str) -> None:
    assert payme.result("CheckPerformTransaction", **about(bill))["allow"] is True
    created = payme.result("CreateTransaction", **asked(bill, first))
    assert payme.result("CreateTransaction", at(1), **asked(bill, first)) == created
    assert created == {
        "create_time": milliseconds(NOON),
        "transaction": created["transaction"],
        "state": 1,
        "receivers": None,
    }
    assert payme.result("CheckTransaction", id=first) == {
        "create_time": milliseconds(NOON),
        "perform_time": 0,
        "cancel_time": 0,
        "transaction": created["transaction"],
        "state": 1,
        "reason": None,
    }
    assert payme.error("CreateTransaction", **asked(bill, new())) == -31008


def step_7_cancel(payme: Payme, bill: Bill, first: str) -> None:
    cancelled = payme.result("CancelTransaction", at(2), id=first, reason=3)
    assert payme.result("CancelTransaction", at(3), id=first, reason=5) == cancelled
    assert (cancelled["state"], cancelled["cancel_time"]) == (-1, milliseconds(at(2)))
    told = payme.result("CheckTransaction", id=first)
    assert (told["state"], told["reason"]) == (-1, 3)
    assert told["cancel_time"] == cancelled["cancel_time"]
    assert payme.result("CheckPerformTransaction", **about(bill))["allow"] is True


def steps_8_and_9_perform(payme: Payme, given: Given, bill: Bill, third: str) -> None:
    payme.result("CreateTransaction", **asked(bill, third, time=at(4)))
    performed = payme.result("PerformTransaction", at(5), id=third)
    assert payme.result("PerformTransaction", at(6), id=third) == performed
    assert (performed["state"], performed["perform_time"]) == (2, milliseconds(at(5)))
    told = payme.result("CheckTransaction", id=third)
    assert told["perform_time"] == performed["perform_time"]
    assert given.balance(AGENCY, CLEARING) == Money(FEE, "UZS")
    assert given.bill(bill).state == BillState.PAID

    fourth = new()
    assert payme.error("CreateTransaction", **asked(bill, fourth)) == -31051
    assert payme.error("CheckTransaction", id=fourth) == -31003


def step_10_give_the_money_back(payme: Payme, given: Given, bill: Bill, third: str) -> None:
    back = payme.result("CancelTransaction", at(7), id=third, reason=5)
    assert payme.result("CancelTransaction", at(8), id=third, reason=5) == back
    assert (back["state"], back["cancel_time"]) == (-2, milliseconds(at(7)))
    assert given.balance(AGENCY, CLEARING) == UZS("0")
    assert given.bill(bill).state == BillState.OPEN


def step_12_wait_too_long(payme: Payme, bill: Bill, fifth: str) -> None:
    payme.result("CreateTransaction", **asked(bill, fifth, time=at(9)))
    late = at(9) + TWELVE_HOURS + timedelta(minutes=1)
    assert payme.error("PerformTransaction", late, id=fifth) == -31008
    assert payme.state(fifth) == (-1, 4)


def test_creates_of_one_transaction_at_once_are_answered_alike(payme, bill, db):
    call = asked(bill, new())
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda n: payme.call("CreateTransaction", at(n), **call), range(8)))

    assert all(one == told[0] for one in told), told
    assert told[0]["result"]["state"] == 1
    with db.transaction() as session:
        assert len(charges_of(session, bill)) == 1


def test_of_different_transactions_for_one_bill_at_once_one_is_created(payme, bill, db):
    with ThreadPoolExecutor(8) as pool:
        told = list(
            pool.map(lambda _: payme.call("CreateTransaction", **asked(bill, new())), range(8))
        )

    codes = [one["error"]["code"] for one in told if "error" in one]
    assert codes == [-31008] * 7
    assert rows(db.url, "SELECT count(*) FROM payments.payme_transaction") == [(1,)]


def test_performs_at_once_post_once_and_are_answered_alike(payme, bill, given):
    made = payme.create(bill)
    with ThreadPoolExecutor(8) as pool:
        told = list(
            pool.map(lambda n: payme.result("PerformTransaction", at(n), id=made), range(8))
        )

    assert all(one == told[0] for one in told)
    assert given.balance(AGENCY, CLEARING) == Money(FEE, "UZS")
    given.proves()


def test_perform_and_cancel_at_once_end_in_one_of_the_two(payme, bill, given):
    for _ in range(4):
        made = payme.create(bill)
        with ThreadPoolExecutor(2) as pool:
            perform = pool.submit(payme.call, "PerformTransaction", id=made)
            cancel = pool.submit(payme.call, "CancelTransaction", id=made, reason=3)
        state = payme.state(made)[0]
        assert cancel.result()["result"]["state"] == state
        if state == -1:
            assert perform.result()["error"]["code"] == -31008
        else:
            assert (state, perform.result()["result"]["state"]) == (-2, 2)
        given.proves()


def test_a_known_id_with_other_parameters_is_refused(payme, given, bill):
    made = payme.create(bill)
    other = given.open_bill()

    assert payme.error("CreateTransaction", **asked(other, made)) == -31008
    assert payme.error("CreateTransaction", **asked(bill, made, amount=1)) == -31008


def test_a_repeated_create_of_what_is_over_is_refused(payme, bill):
    made = payme.create(bill)
    payme.result("PerformTransaction", id=made)
    assert payme.error("CreateTransaction", **asked(bill, made)) == -31008

    payme.result("CancelTransaction", id=made, reason=5)
    assert payme.error("CreateTransaction", **asked(bill, made)) == -31008


def test_a_performed_then_cancelled_transaction_is_not_performed_again(payme, bill, given):
    made = payme.performed(bill)
    payme.result("CancelTransaction", id=made, reason=5)

    assert payme.error("PerformTransaction", id=made) == -31008
    assert given.bill(bill).state == BillState.OPEN
    second = payme.performed(bill)
    assert payme.state(second) == (2, None)
    given.proves()


@pytest.mark.parametrize("method", ["PerformTransaction", "CancelTransaction", "CheckTransaction"])
def test_an_unknown_transaction_is_told_apart(payme, method):
    assert payme.error(method, **VALID[method]) == -31003


@pytest.mark.parametrize("reason", [0, -1, 100, 2**40])
def test_a_reason_that_is_none_is_refused(payme, bill, reason):
    made = payme.create(bill)
    assert payme.error("CancelTransaction", id=made, reason=reason) == -32600
    assert payme.state(made) == (1, None)


@pytest.mark.parametrize("reason", [1, 2, 3, 4, 5, 10])
def test_every_documented_reason_is_kept(payme, bill, reason):
    made = payme.create(bill)
    payme.result("CancelTransaction", id=made, reason=reason)
    assert payme.state(made) == (-1, reason)
