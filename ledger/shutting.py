"""Shut a book that does not agree, and open it again: by two persons, after a proof that speaks for it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    Select,
    Text,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Conflict, Refusal
from foundation.history import record
from foundation.ids import new_id
from ledger.accounts import SHORTEST_REASON, Book, BookState, ReasonMissing
from ledger.periods.moves import SamePerson


class BookNotShut(Conflict):
    """This book is open."""


class OpeningAsked(Conflict):
    """Somebody has asked to open this book already."""


class OpeningNotAsked(Conflict):
    """Nobody has asked to open this book."""


class BookNotProved(Conflict):
    """The last proof does not speak for this book, or is older than its shutting."""


class Shutting(Base):
    """One time that a book was shut: why, who asks to open it, and who else has opened it."""

    __tablename__ = "shutting"
    __table_args__ = (
        ForeignKeyConstraint(["org_id"], ["ledger.book.org_id"]),
        CheckConstraint(
            "approved_by is null or (requested_by is not null and approved_by <> requested_by)",
            name="two_persons",
        ),
        Index(
            "shutting_now_idx", "org_id", unique=True, postgresql_where=text("approved_by is null")
        ),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    shut_at: Mapped[datetime]
    shut_by: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime | None]
    requested_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None] = mapped_column(Text)


def takes_postings(session: Session, org_id: int) -> bool:
    """Whether the book is open: nothing should be begun that could not be posted."""
    state = session.execute(select(Book.state).where(Book.org_id == org_id)).scalar_one_or_none()
    return state == BookState.OPEN


def shut_book(session: Session, org_id: int, *, why: str, by: object, at: datetime) -> bool:
    """From now on the book takes no postings; False when it was shut before.

    Waits for the postings under way, and keeps new ones waiting meanwhile.
    """
    asked = {"org": org_id, "id": new_id(), "why": why, "by": str(by)}
    shut = session.execute(text("SELECT ledger.shut_book(:org, :id, :why, :by)"), asked)
    if not shut.scalar_one():
        return False
    record(session, shutting_of(session, org_id), "shut", by=by, at=at, why=why)
    return True


def request_opening(
    session: Session, org_id: int, *, reason: str, by: object, at: datetime
) -> Shutting:
    """Ask to open a book that is shut; nothing changes until another person approves.

    Raises ReasonMissing, BookNotShut and OpeningAsked.
    """
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise ReasonMissing
    asked = {"org": org_id, "by": str(by), "why": reason}
    _call(session, "SELECT ledger.ask_to_open(:org, :by, :why)", asked)
    shutting = shutting_of(session, org_id)
    record(session, shutting, "opening_requested", by=by, at=at, reason=reason)
    return shutting


def approve_opening(session: Session, org_id: int, *, by: object, at: datetime) -> Shutting:
    """Open the book, as another person asked: it takes postings again.

    Its last proof must have been made after the shutting and speak for it. Raises BookNotShut,
    OpeningNotAsked, SamePerson and BookNotProved.
    """
    shutting = shutting_of(session, org_id)
    _call(session, "SELECT ledger.open_shut_book(:org, :by)", {"org": org_id, "by": str(by)})
    session.refresh(shutting)
    record(session, shutting, "opened", by=by, at=at)
    return shutting


def shutting_of(session: Session, org_id: int) -> Shutting:
    """Why a book is shut now. Raises BookNotShut."""
    found = session.scalars(_now().where(Shutting.org_id == org_id)).one_or_none()
    if found is None:
        raise BookNotShut(org_id=org_id)
    return found


def books_shut(session: Session) -> list[Shutting]:
    """The books that are shut now, by number."""
    return list(session.scalars(_now().order_by(Shutting.org_id)))


def _now() -> Select[Shutting]:
    query = select(Shutting).where(Shutting.approved_by.is_(None))
    return query.execution_options(populate_existing=True)


_REASONS: dict[str, type[Refusal]] = {
    "not_shut": BookNotShut,
    "asked_already": OpeningAsked,
    "not_asked": OpeningNotAsked,
    "same_person": SamePerson,
    "not_proved": BookNotProved,
}


def _call(session: Session, function: str, asked: dict[str, object]) -> None:
    refused = session.execute(text(function), asked).scalar_one()
    if refused is not None:
        raise _REASONS[refused](org_id=asked["org"])
