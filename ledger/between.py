"""Money between two books: what one organisation owes another stands in both, under each other's number."""

from dataclasses import dataclass
from datetime import date

from ledger.accounts import AccountKey
from ledger.chart import DUE_FROM, DUE_TO, JournalKind
from ledger.journals import Journal, Transfer
from ledger.money import Money


@dataclass(frozen=True)
class BookSide:
    """One of two books: its journal's kind, and the account that stands against the debt."""

    org_id: int
    kind: JournalKind
    account: AccountKey


def between(
    debtor: BookSide, creditor: BookSide, amount: Money, *, source: str, key: str, effective: date
) -> tuple[Journal, Journal]:
    """The two mirrored journals by which `debtor` owes `creditor` this much more, to be posted together.

    The debtor's book: debit its account, credit 2220 named by the creditor. The creditor's book:
    debit 1330 named by the debtor, credit its account. Both have one source, key and correlation. A
    negative amount is paid back: both exchange their sides. The proof `due-to-due-from` shows that
    every pair meets. Source: docs/accounting.md#two-books-meet.
    """
    if debtor.org_id == creditor.org_id:
        raise ValueError("a book owes nothing to itself")
    owed = due_to(creditor.org_id, amount.currency)
    expected = due_from(debtor.org_id, amount.currency)
    correlation = {"correlation": f"{source}:{key}"}
    return (
        Journal(
            debtor.org_id,
            source,
            key,
            debtor.kind,
            effective,
            [_moved(debtor.account, owed, amount)],
            correlation,
        ),
        Journal(
            creditor.org_id,
            source,
            key,
            creditor.kind,
            effective,
            [_moved(expected, creditor.account, amount)],
            correlation,
        ),
    )


def due_from(org_id: int, currency: str) -> AccountKey:
    """1330: what this book expects from the book of `org_id`."""
    return AccountKey(DUE_FROM, str(org_id), currency)


def due_to(org_id: int, currency: str) -> AccountKey:
    """2220: what this book owes the book of `org_id`."""
    return AccountKey(DUE_TO, str(org_id), currency)


def _moved(debit: AccountKey, credit: AccountKey, amount: Money) -> Transfer:
    if amount.minor < 0:
        return Transfer(credit, debit, Money(-amount.minor, amount.currency))
    return Transfer(debit, credit, amount)
