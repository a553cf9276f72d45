"""An account's statement: its entries as they were written, in sequence, over days of writing.

Each balance is one that the account really had. The days are those of `posted_at`, in Tashkent; what
was written later for these days is not here but in the general ledger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from foundation.clock import TASHKENT
from ledger.accounts import Account
from ledger.currencies import CODES
from ledger.money import Money
from ledger.reports.general_ledger import Entry, entry_of
from ledger.reports.reading import rows_of

ENTRIES_AT_ONCE = 500
MICROSECOND = timedelta(microseconds=1)  # PostgreSQL's smallest step of time


@dataclass(frozen=True)
class Statement:
    """An account over days: the entries from `first_seq` to `last_seq`, and what they come to."""

    account: Account
    first_seq: int
    last_seq: int
    opening: Money
    debits: Money
    credits: Money
    closing: Money


def statement_over(session: Session, account: Account, first: date, last: date) -> Statement:
    """What stood before the first day, moved until the end of the last, and stood then."""
    before = _written_before(session, account, first)
    until = max(_written_before(session, account, last + timedelta(days=1)), before)
    debited, credited = _sums(session, account, until, until - before)
    currency = CODES[account.currency]
    return Statement(
        account=account,
        first_seq=before + 1,
        last_seq=until,
        opening=Money(_balance_after(session, account, before), currency),
        debits=Money(debited, currency),
        credits=Money(credited, currency),
        closing=Money(_balance_after(session, account, until), currency),
    )


def entries_in(session: Session, statement: Statement) -> Iterator[Entry]:
    """Its entries, oldest first, read by sequence: each piece costs its own rows and few more."""
    account = statement.account
    for start in range(statement.first_seq, statement.last_seq + 1, ENTRIES_AT_ONCE):
        end = min(start + ENTRIES_AT_ONCE, statement.last_seq + 1)
        for row in rows_of(session, ENTRIES, _asked(account, end, end - start)):
            yield entry_of(row, Money(row.balance, CODES[row.currency]))


def _written_before(session: Session, account: Account, day: date) -> int:
    """How many entries the account had when the day began."""
    start = datetime.combine(day, time.min, TASHKENT)
    asked = {"org": account.org_id, "account": account.id, "known": start - MICROSECOND}
    reached: int = rows_of(session, REACHED, asked)[0].seq
    return reached


def _balance_after(session: Session, account: Account, seq: int) -> int:
    if seq == 0:
        return 0
    return int(rows_of(session, ONE, _asked(account, seq + 1, 1))[0].balance)


def _sums(session: Session, account: Account, last_seq: int, entries: int) -> tuple[int, int]:
    if entries == 0:
        return 0, 0
    (sums,) = rows_of(session, SUMS, _asked(account, last_seq + 1, entries))
    return int(sums.debits), int(sums.credits)


def _asked(account: Account, before_seq: int, lines: int) -> dict[str, int]:
    """So many entries of the account, the last of them before this sequence."""
    return {"org": account.org_id, "account": account.id, "before": before_seq, "lines": lines}


REACHED = "SELECT ledger.reached_at(:org, :account, :known) AS seq"
ONE = "SELECT balance FROM ledger.statement(:org, :account, :before, :lines)"
SUMS = """
SELECT sum(debit_minor) AS debits, sum(credit_minor) AS credits
  FROM ledger.statement(:org, :account, :before, :lines)
"""
ENTRIES = """
SELECT e.*, o.number AS other_number, o.name AS other_name, d.doc ->> 'source' AS source,
       d.doc ->> 'key' AS key
  FROM ledger.statement(:org, :account, :before, :lines) e
  JOIN ledger.account o ON o.org_id = e.org_id AND o.id = e.other_account
  LEFT JOIN ledger.journal_doc d ON d.org_id = e.org_id AND d.journal = e.journal
 ORDER BY e.seq
"""
