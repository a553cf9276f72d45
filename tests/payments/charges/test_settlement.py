"""Settling: money that arrived is never refused, never counted twice, and can go back once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from foundation.history import events_of
from foundation.states import IllegalMove
from ledger.accounts import AccountKey
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Transfer
from ledger.money import UZS, Money
from ledger.posting import NotPosted, post_all
from payments.bills import (
    BillState,
    cancel_bill,
    expire_bills,
)
from payments.breaks import BreakKind, BreakState, breaks_in
from payments.charges import (
    Applied,
    Charge,
    ChargeState,
    Handle,
    close_charge,
    find_charge,
    lock_charge,
    reverse_charge,
    settle_charge,
)
from payments.receipts import receipt_of
from tests.given import AGENCY, CLERK, NOON, STRIPE
from tests.superuser import rows

FEE = UZS("412000")
CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
REPUBLICAN = AccountKey(REVENUE, "republican-budget", "UZS")
LOCAL = AccountKey(REVENUE, "local-budget", "UZS")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")


def settle(db, charge: Charge, confirmed: Money | None = None, at: datetime = NOON) -> Charge:
    with db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        return settle_charge(
            session, locked, confirmed=confirmed or locked.amount, by=STRIPE, at=at
        )


def reverse(db, charge: Charge, at: datetime = NOON) -> Charge:
    with db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        return reverse_charge(session, locked, reason="refunded", by=STRIPE, at=at)


def close(db, charge: Charge, event: str) -> Charge:
    with db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        return close_charge(session, locked, event, by=STRIPE, at=NOON, reason="test")


def open_breaks(db) -> list[tuple[str, Money]]:
    with db.transaction() as session:
        return [(one.kind, one.amount) for one in breaks_in(session, BreakState.OPEN)]


def balances(given, *keys: AccountKey, org_id: int = AGENCY) -> list[str]:
    return [str(given.balance(org_id, key).decimal) for key in keys]


def test_settling_twice_moves_the_money_once(db, given):
    charge = given.settled_charge(given.open_bill())
    again = settle(db, charge, at=NOON + timedelta(days=3))

    assert again.settled_at == NOON
    assert given.balance(AGENCY, CLEARING) == FEE
    assert len(rows(db.url, "SELECT 1 FROM payments.receipt")) == 1
    given.proves()


def test_settling_by_many_at_once_moves_the_money_once(db, given):
    charge = given.pending_charge(given.open_bill())
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: settle(db, charge), range(16)))

    assert {one.state for one in found} == {"settled"}
    assert given.balance(AGENCY, CLEARING) == FEE
    given.proves()


@pytest.mark.parametrize("event", ["expire", "cancel", "decline"])
def test_money_that_comes_after_the_attempt_was_given_up_still_pays_the_bill(db, given, event):
    bill = given.open_bill()
    charge = given.pending_charge(bill)
    close(db, charge, event)
    settled = settle(db, charge)

    assert (settled.state, settled.applied) == (ChargeState.SETTLED, Applied.BILL)
    assert given.bill(bill).state == BillState.PAID
    assert open_breaks(db) == []
    given.proves()


def test_money_that_comes_after_the_bill_has_expired_pays_it(db, given):
    bill = given.open_bill()
    charge = given.pending_charge(bill)
    with db.transaction() as session:
        expire_bills(session, at=NOON + timedelta(days=60))
    settle(db, charge, at=NOON + timedelta(days=60))

    assert given.bill(bill).state == BillState.PAID
    given.proves()


def test_money_for_a_cancelled_bill_becomes_the_payers_credit_and_one_break(db, given):
    bill = given.open_bill()
    charge = given.pending_charge(bill)
    with db.transaction() as session:
        cancel_bill(session, bill.reference, by=CLERK, at=NOON)
    settle(db, charge)
    settle(db, charge)

    assert given.bill(bill).state == BillState.CANCELLED
    assert balances(given, CREDIT, REPUBLICAN, LOCAL) == ["412000.00", "0.00", "0.00"]
    assert open_breaks(db) == [(BreakKind.LATE, FEE)]
    given.proves()


def test_a_bill_paid_twice_is_paid_once_and_the_second_money_is_the_payers_credit(db, given):
    bill = given.open_bill()
    late = given.pending_charge(bill)
    close(db, late, "cancel")
    given.settled_charge(bill, provider="payme")
    second = settle(db, late)
    settle(db, late)

    assert second.applied == Applied.CREDIT
    assert given.bill(bill).state == BillState.PAID
    assert open_breaks(db) == [(BreakKind.PAID_TWICE, FEE)]
    assert balances(given, CREDIT, CLEARING) == ["412000.00", "412000.00"]
    with db.transaction() as session:
        assert receipt_of(session, AGENCY, second.id).amount == FEE
    given.proves()


@pytest.mark.parametrize(
    "confirmed",
    [UZS("411999.99"), UZS("412000.01"), UZS("0.01"), Money(412_000_00, "EUR")],
    ids=str,
)
def test_another_sum_than_asked_leaves_the_bill_open_and_is_kept_as_credit(db, given, confirmed):
    bill = given.open_bill()
    charge = settle(db, given.pending_charge(bill), confirmed)
    credit = AccountKey(PAYER_CREDIT, "", confirmed.currency)

    assert (charge.confirmed, charge.applied) == (confirmed, Applied.CREDIT)
    assert given.bill(bill).state == BillState.OPEN
    assert given.balance(AGENCY, credit) == confirmed
    assert open_breaks(db) == [(BreakKind.AMOUNT, confirmed)]
    given.proves()


def test_a_confirmed_sum_of_nothing_is_refused_and_leaves_nothing(db, given):
    charge = given.pending_charge(given.open_bill())
    with pytest.raises(NotPosted):
        settle(db, charge, UZS("0"))

    with db.transaction() as session:
        assert find_charge(session, charge.handle).state == ChargeState.PENDING
        assert receipt_of(session, AGENCY, charge.id) is None
    assert open_breaks(db) == []
    given.proves()


def test_a_reversed_payment_leaves_the_bill_owed_and_the_books_as_before(db, given):
    bill = given.open_bill()
    charge = given.settled_charge(bill)
    reverse(db, charge)
    reverse(db, charge)

    assert given.bill(bill).state == BillState.OPEN
    assert given.bill(bill).paid_at is None
    assert balances(given, CLEARING, REPUBLICAN, LOCAL, CREDIT) == ["0.00"] * 4
    given.proves()


def test_a_reversed_bill_can_be_paid_again_by_a_new_attempt_with_a_new_receipt(db, given):
    bill = given.open_bill()
    reverse(db, given.settled_charge(bill))
    second = given.settled_charge(bill, at=NOON + timedelta(hours=1))

    assert given.bill(bill).state == BillState.PAID
    with db.transaction() as session:
        assert receipt_of(session, AGENCY, second.id).number == "2020-2026-0000002"
    given.proves()


def test_a_reversed_charge_is_not_settled_by_a_callback_that_comes_late(db, given):
    bill = given.open_bill()
    charge = given.settled_charge(bill)
    reverse(db, charge)
    settle(db, charge)

    assert given.bill(bill).state == BillState.OPEN
    assert given.balance(AGENCY, CLEARING) == UZS("0")
    given.proves()


def test_a_reversed_credit_takes_the_credit_back_and_leaves_the_paid_bill_alone(db, given):
    bill = given.open_bill()
    late = given.pending_charge(bill)
    close(db, late, "cancel")
    given.settled_charge(bill)
    reverse(db, settle(db, late))

    assert given.bill(bill).state == BillState.PAID
    assert balances(given, CREDIT, CLEARING) == ["0.00", "412000.00"]
    given.proves()


def test_a_credit_that_was_spent_meanwhile_cannot_be_reversed(db, given):
    charge = settle(db, given.pending_charge(given.open_bill()), UZS("1"))
    spent = Transfer(CREDIT, REPUBLICAN, UZS("1"))
    with db.transaction() as session:
        kind = JournalKind.PAYMENT_CONFIRMED
        post_all(session, [Journal(AGENCY, "test", "spent", kind, NOON.date(), [spent])])

    with pytest.raises(NotPosted):
        reverse(db, charge)
    with db.transaction() as session:
        assert find_charge(session, charge.handle).state == ChargeState.SETTLED


def test_only_money_that_came_can_go_back(db, given):
    charge = given.pending_charge(given.open_bill())
    with pytest.raises(IllegalMove):
        reverse(db, charge)
    close(db, charge, "decline")
    with pytest.raises(IllegalMove):
        reverse(db, charge)


def test_a_settled_charge_is_split_among_its_payees_and_tells_its_story(db, given):
    charge = given.settled_charge(given.open_bill())

    assert Handle.parse(str(charge.handle)) == charge.handle
    assert balances(given, CLEARING, REPUBLICAN, LOCAL) == ["412000.00", "288400.00", "123600.00"]
    with db.transaction() as session:
        told = [event.what for event in events_of(session, charge)]
    assert told == ["created", "sent", "settled"]
    given.proves()


def test_an_amount_too_small_to_be_split_is_posted_to_one_payee(db, given):
    bill = given.open_bill(UZS("0.01"))
    given.settled_charge(bill)

    assert balances(given, REPUBLICAN, LOCAL) == ["0.01", "0.00"]
    given.proves()


def test_the_largest_sum_the_ledger_takes_can_be_paid(db, given):
    most = Money(10**15, "UZS")
    given.settled_charge(given.open_bill(most))

    assert given.balance(AGENCY, CLEARING) == most
    given.proves()
