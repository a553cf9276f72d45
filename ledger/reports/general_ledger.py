"""The general ledger over days: every account with its entries by effective date, and their balances."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from ledger.chart import JournalKind
from ledger.currencies import CODES
from ledger.money import Money
from ledger.reports.reading import Days, rows_of, streamed
from ledger.reports.trial_balance import AccountTurnover, account_turnovers

ENTRIES_OF_A_PAGE = 100


@dataclass(frozen=True)
class Entry:
    """One movement of an account, and the balance with it, positive on the side where it grows.

    The other account's number and name stand beside its id. `source` and `key` are the words that
    name the journal; they are empty when its document was erased.
    """

    seq: int
    effective: date
    posted_at: datetime
    kind: JournalKind
    other_id: int
    other_number: str
    other_name: str
    journal_id: UUID
    source: str
    key: str
    debit: Money | None
    credit: Money | None
    balance: Money

    @property
    def journal(self) -> str:
        """What people call the journal."""
        return f"{self.source} {self.key}".strip()


@dataclass(frozen=True)
class Place:
    """Where a page of an account's entries ended."""

    effective: date
    seq: int


def general_ledger(
    session: Session, org_id: int, days: Days
) -> Iterator[tuple[AccountTurnover, Iterator[Entry]]]:
    """Each account with its entries, in the order of the trial balance; read them as they come.

    An account whose balance stood still over the days has none. One sorted reading of the days'
    entries serves all accounts, so the cost does not grow with their number.
    """
    found = account_turnovers(session, org_id, days)
    asked = {**days.asked(org_id), "account": None, "after": None, "after_seq": None, "most": None}
    by_account = groupby(streamed(session, ENTRIES, asked), lambda row: row.account)
    account, rows = next(by_account, (None, iter(())))
    for turnover in found:
        if turnover.account.id != account:
            yield turnover, iter(())
            continue
        yield turnover, (_entry(row, turnover) for row in rows)
        account, rows = next(by_account, (None, iter(())))


def entries_of(
    session: Session, turnover: AccountTurnover, days: Days, after: Place | None = None
) -> list[Entry]:
    """A page of an account's entries over the days, oldest first."""
    asked = {
        **days.asked(turnover.account.org_id),
        "account": turnover.account.id,
        "after": after and after.effective,
        "after_seq": after and after.seq,
        "most": ENTRIES_OF_A_PAGE,
    }
    return [_entry(row, turnover) for row in rows_of(session, ENTRIES, asked)]


def _entry(row: Row[Any], turnover: AccountTurnover) -> Entry:
    """An entry by effective date; its balance is what stood before the days and moved in them so far."""
    balance_minor = (turnover.turned.opening_minor + int(row.moved)) * turnover.account.normal_side
    return entry_of(row, Money(balance_minor, turnover.currency))


def entry_of(row: Row[Any], balance: Money) -> Entry:
    """An entry of a row with its other account and its document's words."""
    currency = CODES[row.currency]
    return Entry(
        seq=row.seq,
        effective=row.effective,
        posted_at=row.posted_at,
        kind=JournalKind(row.kind),
        other_id=row.other_account,
        other_number=row.other_number,
        other_name=row.other_name,
        journal_id=row.journal,
        source=row.source or "",
        key=row.key or "",
        debit=Money(row.debit_minor, currency) if row.debit_minor else None,
        credit=Money(row.credit_minor, currency) if row.credit_minor else None,
        balance=balance,
    )


# An entry is effective a year after it was written at most (DATE_OUT_OF_RANGE, ledger.post): what was
# written long before the days is passed over by the index of blocks. Words are looked up last, row by
# row: for a page, of its own rows only.
ENTRIES = """
SELECT e.*, o.number AS other_number, o.name AS other_name, d.source, d.key
  FROM (
    SELECT e.*, a.number, a.name, sum(e.debit_minor - e.credit_minor) OVER (
             PARTITION BY a.currency, a.number, a.name, e.account ORDER BY e.effective, e.seq
             ROWS UNBOUNDED PRECEDING) AS moved
      FROM ledger.entry e
      JOIN ledger.account a ON a.org_id = e.org_id AND a.id = e.account
     WHERE e.org_id = :org AND e.effective BETWEEN :first AND :last
       AND e.posted_at >= CAST(:first AS date) - 367
       AND e.posted_at <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
       AND (CAST(:account AS bigint) IS NULL OR e.account = :account)) e
 CROSS JOIN LATERAL (
   SELECT o.number, o.name FROM ledger.account o
    WHERE o.org_id = e.org_id AND o.id = e.other_account OFFSET 0) o
  LEFT JOIN LATERAL (
   SELECT d.doc ->> 'source' AS source, d.doc ->> 'key' AS key FROM ledger.journal_doc d
    WHERE d.org_id = e.org_id AND d.journal = e.journal OFFSET 0) d ON true
 WHERE CAST(:after AS date) IS NULL
    OR (e.effective, e.seq) > (CAST(:after AS date), CAST(:after_seq AS bigint))
 ORDER BY e.currency, e.number, e.name, e.account, e.effective, e.seq
 LIMIT :most
"""
