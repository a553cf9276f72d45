"""Receipts: numbered without a gap, per agency and year, whatever fails or runs at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ledger.money import UZS, Money
from payments.charges import (
    Charge,
    lock_charge,
    settle_charge,
)
from tests.given import NOON, OTHER_AGENCY, STRIPE
from tests.superuser import rows

FEE = UZS("412000")


def settle(db, charge: Charge, confirmed: Money | None = None, at: datetime = NOON) -> Charge:
    with db.transaction() as session:
        locked = lock_charge(session, charge.handle)
        return settle_charge(
            session, locked, confirmed=confirmed or locked.amount, by=STRIPE, at=at
        )


def test_receipts_are_numbered_without_a_gap_by_many_at_once(db, given):
    charges = [given.pending_charge(given.open_bill()) for _ in range(12)]
    foreign = given.pending_charge(given.open_bill(org_id=OTHER_AGENCY))
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda charge: settle(db, charge), [*charges, foreign]))

    numbers = [number for (number,) in rows(db.url, "SELECT number FROM payments.receipt")]
    expected = [f"2020-2026-{n:07d}" for n in range(1, 13)]
    assert sorted(numbers) == [*expected, "3030-2026-0000001"]
    given.proves()


def test_a_settlement_that_fails_leaves_no_gap_in_the_receipts(db, given):
    first, second = (given.pending_charge(given.open_bill()) for _ in range(2))

    def fails() -> None:
        with db.transaction() as session:
            locked = lock_charge(session, first.handle)
            settle_charge(session, locked, confirmed=FEE, by=STRIPE, at=NOON)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        fails()
    settle(db, second)

    assert rows(db.url, "SELECT number FROM payments.receipt") == [("2020-2026-0000001",)]
    given.proves()


def test_receipts_begin_anew_with_the_year_of_tashkent(db, given):
    new_year = datetime(2026, 12, 31, 19, 0, tzinfo=UTC)
    settle(db, given.pending_charge(given.open_bill()), at=new_year - timedelta(seconds=1))
    settle(db, given.pending_charge(given.open_bill()), at=new_year)

    numbers = sorted(rows(db.url, "SELECT number FROM payments.receipt"))
    assert numbers == [("2020-2026-0000001",), ("2020-2027-0000001",)]
    given.proves()
