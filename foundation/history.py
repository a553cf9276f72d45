"""History: what happened to a record, who did it and when; rows are added, never changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Index, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.ids import new_id


class Subject(Protocol):
    """Anything that has a history: a row of one organisation."""

    __tablename__: str

    @property
    def org_id(self) -> int: ...  # noqa: D102

    @property
    def id(self) -> Any: ...  # noqa: ANN401, D102 - uuid or number, kept as text


class Event(Base):
    """One thing that happened; append-only (no grant to change it, and a trigger)."""

    __tablename__ = "event"
    __table_args__ = (
        Index(None, "org_id", "subject", "subject_id", "id"),
        {"schema": "history"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    facts: Mapped[dict[str, Any]]


def record(
    session: Session, subject: Subject, what: str, *, by: object, at: datetime, **facts: object
) -> Event:
    """Write down that `what` happened to `subject`. `by` is an actor; facts are kept as JSON."""
    event = Event(
        org_id=subject.org_id,
        id=new_id(),
        subject=subject.__tablename__,
        subject_id=str(subject.id),
        what=what,
        by=str(by),
        at=at,
        facts=_plain(facts),
    )
    session.add(event)
    return event


def events_of(session: Session, subject: Subject) -> Sequence[Event]:
    """The history of one record, oldest first."""
    return session.scalars(
        select(Event)
        .where(
            Event.org_id == subject.org_id,
            Event.subject == subject.__tablename__,
            Event.subject_id == str(subject.id),
        )
        .order_by(Event.id)
    ).all()


def _plain(facts: Mapping[str, object]) -> dict[str, Any]:
    kept = (str, int, bool, type(None), list, dict)
    return {name: value if isinstance(value, kept) else str(value) for name, value in facts.items()}
