"""A bookkeeper for tests: two open books, journals in a line, what stands on an account, the proof."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from foundation.clock import now
from foundation.database import Database
from identity.actor import Actor
from ledger.accounts import AccountKey, account_id, open_book
from ledger.balances import Standing, standing
from ledger.books import prove
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Outcome, Posting, Transfer
from ledger.money import UZS
from ledger.posting import post

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
INCOME = AccountKey(REVENUE, "republican-budget", "UZS")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
KEEPER = Actor("staff", "karima")
SOON = timedelta(milliseconds=400)


@dataclass
class Desk:
    """Posts in book 1 unless told otherwise."""

    database: Database
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def open(self) -> "Desk":
        with self.database.transaction() as session:
            for book in (1, 2):
                open_book(session, book)
        return self

    def journal(self, *lines: Transfer, key: str = "", org_id: int = 1, **more: Any) -> Journal:
        asked = {"kind": JournalKind.PAYMENT_CONFIRMED, "effective": DAY} | more
        return Journal(org_id, "test", key or f"j{next(self.numbers)}", lines=lines, **asked)

    def post(self, *journals: Journal) -> list[Posting]:
        with self.database.transaction() as session:
            return post(session, journals)

    def does(self, *lines: Transfer, **more: Any) -> Outcome:
        """What becomes of one journal of these lines."""
        return self.post(self.journal(*lines, **more))[0].outcome

    def id(self, key: AccountKey, org_id: int = 1) -> int:
        with self.database.transaction() as session:
            return account_id(session, org_id, key)

    def standing(self, key: AccountKey, org_id: int = 1) -> Standing:
        account = self.id(key, org_id)
        with self.database.transaction() as session:
            return standing(session, org_id, account)

    def held(self, key: AccountKey) -> tuple[str, str, str]:
        """Balance, held out and held in."""
        now = self.standing(key)
        return tuple(f"{money.decimal:f}" for money in (now.balance, now.held_out, now.held_in))

    def balance(self, key: AccountKey, org_id: int = 1) -> str:
        return f"{self.standing(key, org_id).balance.decimal:f}"

    def credited(self, amount: str) -> None:
        """A payer's credit of this amount has arrived."""
        assert self.does(Transfer(CLEARING, CREDIT, UZS(amount))) is Outcome.POSTED

    def proves(self) -> None:
        with self.database.transaction() as session:
            broken = {c.name: c.difference for c in prove(session) if not c.holds}
        assert not broken, broken


def soon() -> datetime:
    """A moment that a test can wait for."""
    return now() + SOON
