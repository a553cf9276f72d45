"""A few words to post with in tests: a journal of one movement, and what became of it."""

from datetime import date

from foundation.database import Database
from ledger.accounts import AccountKey
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Posting, Transfer
from ledger.money import Money
from ledger.posting import post

DAY = date(2026, 11, 20)
CLEARING = AccountKey(PROVIDER_CLEARING, "", "UZS")  # debit side, no limit
INCOME = AccountKey(REVENUE, "", "UZS")  # credit side, no limit
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")  # credit side, never below zero


def uzs(minor: int) -> Money:
    return Money(minor, "UZS")


def entry(key: str, *lines: Transfer, org_id: int = 1, day: date = DAY, **more) -> Journal:
    """A journal of these lines."""
    return Journal(org_id, "test", key, JournalKind.PAYMENT_CONFIRMED, day, lines, **more)


def received(key: str, minor: int, org_id: int = 1) -> Journal:
    """Money has come: clearing against income."""
    return entry(key, Transfer(CLEARING, INCOME, uzs(minor)), org_id=org_id)


def posted(database: Database, *journals: Journal) -> list[Posting]:
    """Post in one call and one transaction."""
    with database.transaction() as session:
        return post(session, journals)
