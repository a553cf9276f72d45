"""The inbox: every callback is stored once, before it is worked; repeats are counted, not worked."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from payments.gateways.protocol import Notice

# What cannot be worked is tried again with growing pauses for two days, then a person is asked.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 2, 5, 10, 30, 60, 300, 900, 3600, 3600 * 6, 86400, 86400)
)
PAUSE_WHILE_SHUT = timedelta(minutes=5)
LEASE = timedelta(seconds=15)


class CallbackState(StrEnum):
    """What became of a callback."""

    STORED = "stored"
    HANDLED = "handled"
    IGNORED = "ignored"
    PARKED = "parked"


class Callback(Base):
    """A verified message of a provider, as its raw bytes."""

    __tablename__ = "callback"
    __table_args__ = (
        CheckConstraint("state in ('stored', 'handled', 'ignored', 'parked')", name="state"),
        Index("callback_waiting_idx", "next_attempt_at", postgresql_where="state = 'stored'"),
        Index(None, "received_at"),
        {"schema": "payments"},
    )

    source: Mapped[str] = mapped_column(Text, primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    deliveries: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    next_attempt_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)


def store(session: Session, source: str, notice: Notice, body: bytes, *, at: datetime) -> bool:
    """Keep a callback; returns whether it is new. A repeat only raises the count of deliveries."""
    row = insert(Callback).values(
        source=source,
        external_id=notice.external_id,
        type=notice.type,
        body=body,
        received_at=at,
        state=CallbackState.STORED.value,
        next_attempt_at=at,
    )
    stored = row.on_conflict_do_update(
        index_elements=["source", "external_id"], set_={"deliveries": Callback.deliveries + 1}
    ).returning(Callback.deliveries)
    return bool(session.execute(stored).scalar_one() == 1)


def claim(session: Session, *, limit: int = 20) -> list[Callback]:
    """Take callbacks that wait to be worked; others skip them until the lease ends.

    By the database's clock, so that workers whose clocks differ still agree.
    """
    clock = func.clock_timestamp()
    waiting = (
        select(Callback)
        .where(Callback.state == CallbackState.STORED.value, Callback.next_attempt_at <= clock)
        .order_by(Callback.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = list(session.scalars(waiting))
    for callback in taken:
        session.execute(
            update(Callback)
            .where(Callback.source == callback.source, Callback.external_id == callback.external_id)
            .values(attempts=Callback.attempts + 1, next_attempt_at=clock + LEASE)
        )
        session.refresh(callback)
    return taken


def finish(session: Session, callback: Callback, state: CallbackState, *, at: datetime) -> None:
    """Mark a callback worked; in the same transaction as what it caused."""
    _update(session, callback, state=state.value, handled_at=at, error=None)


def put_back(session: Session, callback: Callback, *, error: str) -> CallbackState:
    """It could not be worked now: again after a pause, and to a person when pauses are used up.

    A callback that another worker has finished meanwhile stays finished.
    """
    if callback.attempts > len(PAUSES):
        _update(session, callback, state=CallbackState.PARKED.value, error=error)
        return CallbackState.PARKED
    again_at = func.clock_timestamp() + PAUSES[callback.attempts - 1]
    _update(session, callback, next_attempt_at=again_at, error=error)
    return CallbackState.STORED


def wait(session: Session, callback: Callback, *, error: str) -> None:
    """Nothing is wrong with it, its book is shut: it is tried until that opens, and never parked."""
    again_at = func.clock_timestamp() + PAUSE_WHILE_SHUT
    # This try was none: its pauses begin where they were.
    tries = Callback.attempts - 1
    _update(session, callback, next_attempt_at=again_at, attempts=tries, error=error)


def waiting(session: Session) -> int:
    """How many callbacks are not worked yet."""
    query = select(func.count()).where(
        or_(
            Callback.state == CallbackState.STORED.value,
            Callback.state == CallbackState.PARKED.value,
        )
    )
    return session.execute(query).scalar_one()


def _update(session: Session, callback: Callback, **values: object) -> None:
    session.execute(
        update(Callback)
        .where(
            Callback.source == callback.source,
            Callback.external_id == callback.external_id,
            Callback.state == CallbackState.STORED.value,
        )
        .values(**values)
    )
