"""Holds: find those of an account, tell the story of one, tidy those whose time has passed.

They are placed, captured and released by lines of journals (ledger/journals.py). When one expires is
decided where something is posted; nothing here is needed for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Row, Select, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from foundation.errors import NotFound
from ledger.accounts import Account
from ledger.currencies import CODES
from ledger.money import Money
from ledger.transfers import CaptureRow, HoldLine, HoldRow, TransferRow

OPEN_HOLDS_SHOWN = 100


class HoldNotFound(NotFound):
    """There is no such hold in this book."""


class HoldState(StrEnum):
    """What has become of a hold; the order is that of its numbers in the database."""

    OPEN = "open"
    DONE = "done"
    EXPIRED = "expired"


class HoldMove(StrEnum):
    """What happened to a hold."""

    PLACED = "placed"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Hold:
    """Money set aside, to move from the credit to the debit account when it is captured."""

    org_id: int
    key: UUID
    debit: Account
    credit: Account
    amount: Money
    captured: Money
    released: Money
    expires_at: datetime | None
    state: HoldState

    @property
    def left(self) -> Money:
        """What is neither captured nor released; of an expired one it is held no more."""
        return self.amount - self.captured - self.released


@dataclass(frozen=True)
class HoldEvent:
    """One step in the story of a hold; an expiry has no journal, for nothing was posted."""

    what: HoldMove
    amount: Money
    at: datetime
    journal: UUID | None


def open_holds(
    session: Session, org_id: int, account: int, *, limit: int = OPEN_HOLDS_SHOWN
) -> list[Hold]:
    """What is held on an account at this moment, the first to expire first.

    A hold whose time has passed is not among them, whether or not a job has looked at it.
    """
    query = (
        _holds()
        .where(
            HoldRow.org_id == org_id,
            HoldRow.state == 1,
            or_(
                (HoldRow.debit_account == account) & ~HoldRow.debit_free,
                (HoldRow.credit_account == account) & ~HoldRow.credit_free,
            ),
            or_(HoldRow.expires_at.is_(None), HoldRow.expires_at > func.statement_timestamp()),
        )
        .order_by(HoldRow.expires_at.nulls_last(), HoldRow.hold)
        .limit(limit)
    )
    return [_hold(row) for row in session.execute(query)]


def find_hold(session: Session, org_id: int, key: UUID) -> Hold:
    """One hold of a book as it is at this moment. Raises HoldNotFound."""
    query = _holds().where(HoldRow.org_id == org_id, HoldRow.hold == key)
    found = session.execute(query).one_or_none()
    if found is None:
        raise HoldNotFound(org_id=org_id, hold=key)
    return _hold(found)


def story_of(session: Session, hold: Hold) -> list[HoldEvent]:
    """Everything that happened to a hold, in order: placed, captured in parts, released, expired."""
    currency = hold.amount.currency
    moves = {1: HoldMove.PLACED, 2: HoldMove.RELEASED}
    lines = session.scalars(
        select(HoldLine).where(HoldLine.org_id == hold.org_id, HoldLine.hold == hold.key)
    )
    events = [
        HoldEvent(
            moves[line.what], Money(line.amount_minor, currency), line.posted_at, line.journal
        )
        for line in lines
    ]
    captures = session.scalars(
        select(TransferRow)
        .join(
            CaptureRow,
            (CaptureRow.org_id == TransferRow.org_id) & (CaptureRow.transfer == TransferRow.id),
        )
        .where(CaptureRow.org_id == hold.org_id, CaptureRow.hold == hold.key)
        .order_by(TransferRow.id)
    )
    for move in captures:
        amount = Money(move.amount_minor, currency)
        events.append(HoldEvent(HoldMove.CAPTURED, amount, move.posted_at, move.journal))
    if hold.state is HoldState.EXPIRED and hold.expires_at is not None:
        events.append(HoldEvent(HoldMove.EXPIRED, hold.left, hold.expires_at, None))
    order = list(HoldMove)
    return sorted(events, key=lambda event: (event.at, order.index(event.what)))


def books_with_due(session: Session) -> Sequence[int]:
    """The books in which a hold's time has passed, or a limit has begun, and nobody touched it since."""
    query = select(Account.org_id).where(Account.due_at <= func.statement_timestamp())
    return session.scalars(query.distinct().order_by(Account.org_id)).all()


def tidy_due(session: Session, org_id: int, *, most: int = 500) -> int:
    """Write down what has happened by itself on up to `most` accounts; how many there were.

    The money was free since its time came: this keeps the rows as the pages tell them.
    """
    tidied: int = session.execute(
        text("SELECT ledger.tidy_due(:org, :most)"), {"org": org_id, "most": most}
    ).scalar_one()
    return tidied


def _holds() -> Select[HoldRow, Account, Account, bool]:
    debit, credit = aliased(Account), aliased(Account)
    past = func.coalesce(HoldRow.expires_at <= func.statement_timestamp(), False)
    return (
        select(HoldRow, debit, credit, past)
        .join(debit, (debit.org_id == HoldRow.org_id) & (debit.id == HoldRow.debit_account))
        .join(credit, (credit.org_id == HoldRow.org_id) & (credit.id == HoldRow.credit_account))
    )


def _hold(found: Row[HoldRow, Account, Account, bool]) -> Hold:
    row, debit, credit, past = found
    state = list(HoldState)[row.state - 1]
    currency = CODES[row.currency]
    return Hold(
        org_id=row.org_id,
        key=row.hold,
        debit=debit,
        credit=credit,
        amount=Money(row.amount_minor, currency),
        captured=Money(row.captured_minor, currency),
        released=Money(row.released_minor, currency),
        expires_at=row.expires_at,
        state=HoldState.EXPIRED if past and state is HoldState.OPEN else state,
    )
