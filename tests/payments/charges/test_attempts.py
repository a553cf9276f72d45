"""Attempts: one open attempt a bill, whoever asks at once, and none for a bill that is not owed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy.exc import DBAPIError

from foundation.states import IllegalMove
from payments.bills import (
    BillAlreadyPaid,
    BillCancelled,
    BillExpired,
    cancel_bill,
    lock_bill,
)
from payments.charges import (
    BillBusy,
    Charge,
    ChargeState,
    charges_of,
    close_charge,
    current_charge,
    find_charge,
    lock_charge,
    open_charge,
)
from tests.given import CLERK, NOON, STRIPE
from tests.superuser import as_superuser


def close(db, charge: Charge, event: str) -> Charge:
    with db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        return close_charge(session, locked, event, by=STRIPE, at=NOON, reason="test")


def begin(db, reference: str, provider: str = "stripe", at: datetime = NOON) -> Charge:
    with db.transaction() as session:
        bill = lock_bill(session, reference)
        return open_charge(session, bill, provider=provider, language="uz", by=STRIPE, at=at)


@pytest.mark.parametrize("event", ["expire", "cancel", "decline"])
def test_an_attempt_whose_money_came_is_not_given_up(db, given, event):
    charge = given.settled_charge(given.open_bill())
    with pytest.raises(IllegalMove):
        close(db, charge, event)


def test_one_bill_has_one_open_attempt_however_many_ask_at_once(db, given):
    bill = given.open_bill()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: begin(db, bill.reference).id, range(16)))

    assert len(set(found)) == 1
    with db.transaction() as session:
        assert len(charges_of(session, bill)) == 1


def test_a_bill_under_way_at_one_provider_is_busy_for_the_other(db, given):
    bill = given.open_bill()
    given.pending_charge(bill, "stripe")

    with pytest.raises(BillBusy) as refusal:
        begin(db, bill.reference, "payme")
    assert refusal.value.facts["provider"] == "stripe"


def test_two_providers_racing_for_one_bill_get_one_attempt_between_them(db, given):
    bill = given.open_bill()

    def race(number: int) -> None:
        begin(db, bill.reference, ("stripe", "payme")[number % 2])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(race, range(16)))

    with db.transaction() as session:
        states = [charge.state for charge in charges_of(session, bill)]
        assert current_charge(session, bill) is not None
    assert states.count("created") == 1
    assert set(states) <= {"created", "cancelled"}


def test_an_attempt_that_never_reached_its_provider_gives_way(db, given):
    bill = given.open_bill()
    first = begin(db, bill.reference, "stripe")
    second = begin(db, bill.reference, "payme")

    assert first.id != second.id
    with db.transaction() as session:
        assert find_charge(session, first.handle).state == ChargeState.CANCELLED


def _paid(db, given, bill) -> None:
    given.settled_charge(bill)


def _cancelled(db, given, bill) -> None:
    with db.transaction() as session:
        cancel_bill(session, bill.reference, by=CLERK, at=NOON)


def _expired(db, given, bill) -> None:
    as_superuser(db.url, "UPDATE payments.bill SET expires_at = :at", at=NOON)


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [(_paid, BillAlreadyPaid), (_cancelled, BillCancelled), (_expired, BillExpired)],
)
def test_a_bill_that_is_not_owed_takes_no_new_attempt(db, given, spoil: Callable, refusal):
    bill = given.open_bill()
    spoil(db, given, bill)
    with pytest.raises(refusal):
        begin(db, bill.reference)


def test_the_database_itself_refuses_a_second_open_attempt_and_a_second_payment(db, given):
    bill = given.open_bill()
    charge = given.settled_charge(bill)
    copy = (
        "INSERT INTO payments.charge SELECT org_id, gen_random_uuid(), bill_id, provider, null, null,"
        " null, language, amount_minor, currency, {}, created_at, {}, null, {}, {}, {}"
        " FROM payments.charge WHERE id = :id"
    )
    waiting = copy.format("'pending'", "null", "null", "null", "null")
    paid = copy.format("'settled'", "settled_at", "confirmed_minor", "confirmed_currency", "'bill'")
    as_superuser(db.url, waiting, id=charge.id)
    with pytest.raises(DBAPIError, match="charge_one_open_idx"):
        as_superuser(db.url, waiting, id=charge.id)
    with pytest.raises(DBAPIError, match="charge_one_payment_idx"):
        as_superuser(db.url, paid, id=charge.id)
