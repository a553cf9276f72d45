"""`mizon export`: a book on standard output, for hledger, for beancount, or as CSV."""

import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from foundation.clock import now
from foundation.database import Database
from foundation.errors import Refused
from identity.parties import organisation
from ledger.currencies import CODES
from ledger.export import FIRST_DAY, LAST_DAY, Beancount, Hledger, Syntax, entries, export
from ledger.money import Money
from ledger.reports.reading import Days, snapshot
from portal.documents.csv import as_csv
from portal.documents.report import Cell, Column, Report, Section
from portal.languages import Language
from service.settings import read_settings

SYNTAXES: dict[str, type[Syntax]] = {"hledger": Hledger, "beancount": Beancount}
COLUMNS = (
    *("transfer", "journal", "kind", "effective", "posted_at", "account", "number", "name"),
    *("debit", "credit", "currency", "seq", "balance", "carried_from", "hold", "reverses"),
)


class LastBeforeFirst(Refused):
    """The last day is before the first."""


def export_book(format: str, org_id: int, *, first: date | None, last: date | None) -> int:
    """Write the book as it is at one moment; rows leave while they are read, however many they are.

    Raises LastBeforeFirst and OrganisationNotFound.
    """
    days = Days(max(first or FIRST_DAY, FIRST_DAY), min(last or LAST_DAY, LAST_DAY))
    if days.last < days.first:
        raise LastBeforeFirst(first=days.first, last=days.last)
    with (
        closing(Database(read_settings().database_url, name="mizon export")) as database,
        snapshot(database, timeout_seconds=0) as session,
    ):
        # No time-out for who reads the output, as none for the query.
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        organisation(session, org_id)
        for chunk in _chunks(session, format, org_id, days):
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
    return 0


def _chunks(session: Session, format: str, org_id: int, days: Days) -> Iterator[bytes]:
    if format == "csv":
        return as_csv(_table(session, org_id, days))
    return (f"{line}\n".encode() for line in export(session, org_id, days, SYNTAXES[format]()))


def _table(session: Session, org_id: int, days: Days) -> Report:
    """Every entry with all its columns, named as in the view `ledger.entry`."""
    columns = [Column(name) for name in COLUMNS]
    rows = map(_cells, entries(session, org_id, days))
    return Report("", Language.EN, now(), columns, [Section(rows=rows)])


def _cells(row: Row[tuple[object, ...]]) -> tuple[Cell, ...]:
    currency = CODES[row.currency]

    def text_of(value: object) -> str | None:
        return None if value is None else str(value)

    return (
        *(row.transfer, str(row.journal), row.kind, row.effective, row.posted_at),
        *(row.account, row.number, row.name),
        Money(row.debit_minor, currency) if row.debit_minor else None,
        Money(row.credit_minor, currency) if row.credit_minor else None,
        *(currency, row.seq, Money(row.balance, currency), row.carried_from),
        *(text_of(row.hold), row.reverses),
    )
