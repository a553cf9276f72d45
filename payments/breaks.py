"""Breaks: what the books, the providers and the bank do not say alike, kept until a person explains it."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, Text, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base, Minor
from foundation.errors import Conflict, NotFound, Refused
from foundation.history import record
from foundation.ids import derive_id
from identity.actor import Actor
from ledger.money import Money

_NAMESPACE = UUID("7b0c6f2e-5a43-5d0e-9a52-6d697a6f6e00")


class BreakNotFound(NotFound):
    """There is no such difference."""


class BreakAlreadyResolved(Conflict):
    """This difference has been resolved already."""


class ExplanationMissing(Refused):
    """Say how the difference was resolved, in ten characters or more."""


class BreakKind(StrEnum):
    """What is different."""

    PAID_TWICE = "paid_twice"
    LATE = "late"
    AMOUNT = "amount"
    UNIDENTIFIED = "unidentified"
    DEBIT_UNEXPLAINED = "debit_unexplained"
    PAYOUT_DIFFERS = "payout_differs"
    MISSING_IN_LEDGER = "missing_in_ledger"
    STATE = "state"
    CALLBACK = "callback"


class BreakState(StrEnum):
    """Whether a person has explained it."""

    OPEN = "open"
    RESOLVED = "resolved"


class Break(Base):
    """One difference; `subject` is what shows it (a charge, a statement line, a callback)."""

    __tablename__ = "break"
    __table_args__ = (
        CheckConstraint("state in ('open', 'resolved')", name="state"),
        CheckConstraint("(state = 'resolved') = (resolved_at is not null)", name="resolved"),
        Index(None, "org_id", "state", "opened_at"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[str | None] = mapped_column(Text)
    resolution: Mapped[str | None] = mapped_column(Text)

    @property
    def amount(self) -> Money:
        """How much is in question."""
        return Money(self.amount_minor, self.currency)


def open_break(
    session: Session,
    org_id: int,
    kind: BreakKind,
    *,
    subject: str,
    subject_id: str,
    amount: Money,
    at: datetime,
    **facts: str | int,
) -> UUID:
    """Note a difference for a person; the same one is noted once, however often it is seen."""
    break_id = derive_id(_NAMESPACE, f"{org_id}:{kind}:{subject}:{subject_id}")
    row = {
        "org_id": org_id,
        "id": break_id,
        "kind": kind.value,
        "amount_minor": amount.minor,
        "currency": amount.currency,
        "subject": subject,
        "subject_id": subject_id,
        "facts": facts,
        "state": BreakState.OPEN.value,
        "opened_at": at,
    }
    session.execute(insert(Break).values(**row).on_conflict_do_nothing())
    return break_id


def resolve_break(
    session: Session, org_id: int, break_id: UUID, *, resolution: str, by: Actor, at: datetime
) -> Break:
    """Write down how a person explained the difference; it moves no money.

    Raises BreakNotFound, BreakAlreadyResolved and ExplanationMissing.
    """
    found = session.get(Break, (org_id, break_id), with_for_update=True)
    if found is None:
        raise BreakNotFound(break_id=break_id)
    if found.state == BreakState.RESOLVED:
        raise BreakAlreadyResolved(resolved_by=found.resolved_by)
    if len(resolution.strip()) < 10:
        raise ExplanationMissing(field="resolution")
    found.state = BreakState.RESOLVED
    found.resolved_at, found.resolved_by = at, str(by)
    found.resolution = resolution.strip()[:2000]
    record(session, found, "resolved", by=by, at=at, resolution=found.resolution)
    return found


def resolve_breaks_of(
    session: Session,
    org_id: int,
    subject: str,
    subject_id: str,
    *,
    kinds: Iterable[BreakKind],
    resolution: str,
    by: Actor,
    at: datetime,
) -> None:
    """Resolve what is still open of these kinds about a subject: later facts have explained it."""
    query = select(Break).where(
        Break.org_id == org_id,
        Break.subject == subject,
        Break.subject_id == subject_id,
        Break.kind.in_([kind.value for kind in kinds]),
        Break.state == BreakState.OPEN.value,
    )
    for found in session.scalars(query).all():
        resolve_break(session, org_id, found.id, resolution=resolution, by=by, at=at)


def find_break(session: Session, org_id: int, break_id: UUID) -> Break:
    """One difference. Raises BreakNotFound."""
    found = session.get(Break, (org_id, break_id))
    if found is None:
        raise BreakNotFound(break_id=break_id)
    return found


def breaks_in(session: Session, state: BreakState, *, limit: int = 200) -> list[Break]:
    """Differences of all books in this state, oldest first."""
    query = select(Break).where(Break.state == state.value).order_by(Break.opened_at).limit(limit)
    return list(session.scalars(query))


def count_open(session: Session) -> dict[str, int]:
    """How many differences of each kind are open."""
    query = select(Break.kind, func.count()).where(Break.state == "open").group_by(Break.kind)
    return dict(session.execute(query).tuples().all())
