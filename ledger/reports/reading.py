"""Read the books for a report: one moment of them for all of it, over days, as known at an instant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from foundation.database import Database

ROWS_AT_ONCE = 1_000  # fetched from the server: however long a report is, memory stays flat
READING_SECONDS = 60
CURSORS = count(1)


@dataclass(frozen=True)
class Days:
    """From the first day to the last, both included; what was written after `known_at` is not seen."""

    first: date
    last: date
    known_at: datetime | None = None

    def asked(self, org_id: int) -> dict[str, Any]:
        """The parameters of a query."""
        return {"org": org_id, "first": self.first, "last": self.last, "known_at": self.known_at}


@dataclass(frozen=True)
class Reading:
    """The state of a book that was read: how many transfers it had, and the number of the last."""

    transfers: int
    last_transfer: int


@contextmanager
def snapshot(database: Database, *, timeout_seconds: int = READING_SECONDS) -> Iterator[Session]:
    """One moment of the books for all that is read in the block; nothing can be written in it."""
    with database.transaction() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        session.execute(text(f"SET LOCAL statement_timeout = '{timeout_seconds:d}s'"))
        yield session


def reading(session: Session, org_id: int) -> Reading:
    """What the book has in this snapshot: each transfer has a place in two accounts' sequences."""
    row = session.execute(
        text(
            "SELECT (coalesce(sum(seq), 0) / 2)::bigint, coalesce(max(last_transfer), 0)"
            " FROM ledger.account WHERE org_id = :org"
        ),
        {"org": org_id},
    ).one()
    return Reading(row[0], row[1])


def streamed(session: Session, query: str, asked: dict[str, Any]) -> Iterator[Row[Any]]:
    """The rows of a query, fetched a thousand at a time while they are read.

    The cursor is the server's and ends with the transaction: who reads only a part leaves nothing open.
    """
    cursor = f"rows_{next(CURSORS)}"
    session.execute(text(f"DECLARE {cursor} NO SCROLL CURSOR FOR {query}"), asked)
    while rows := session.execute(text(f"FETCH {ROWS_AT_ONCE} FROM {cursor}")).all():
        yield from rows


def rows_of(session: Session, query: str, asked: dict[str, Any]) -> Sequence[Row[Any]]:
    """All rows of a query that has few."""
    return session.execute(text(query), asked).all()
