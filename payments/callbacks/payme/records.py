"""Payme's transactions as they are kept, and the milliseconds Payme counts in."""

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database import Base, Minor
from payments.charges import (
    Charge,
    Handle,
)

TIMEOUT_MILLISECONDS = 43_200_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PaymeState(IntEnum):
    """Payme's states of a transaction."""

    CREATED = 1
    PERFORMED = 2
    CANCELLED = -1
    REVERSED = -2


class PaymeTransaction(Base):
    """One transaction as Payme numbers it; times are Payme's milliseconds since 1970, 0 for unset."""

    __tablename__ = "payme_transaction"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "charge_id"], ["payments.charge.org_id", "payments.charge.id"]
        ),
        CheckConstraint("state in (1, 2, -1, -2)", name="state"),
        CheckConstraint("(state in (2, -2)) = (perform_time > 0)", name="performed"),
        CheckConstraint("(state < 0) = (cancel_time > 0)", name="cancelled"),
        Index(None, "time", "id"),
        Index("payme_transaction_open_idx", "time", postgresql_where="state = 1"),
        Index(None, "org_id", "charge_id"),
        {"schema": "payments"},
    )

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    org_id: Mapped[int] = mapped_column(Integer)
    charge_id: Mapped[Any] = mapped_column(type_=Charge.__table__.c.id.type)
    time: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[Minor]
    account: Mapped[dict[str, Any]]
    create_time: Mapped[int] = mapped_column(BigInteger)
    perform_time: Mapped[int] = mapped_column(BigInteger)
    cancel_time: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    reason: Mapped[int | None] = mapped_column(SmallInteger)

    @property
    def handle(self) -> Handle:
        """Our charge."""
        return Handle(self.org_id, self.charge_id)

    def timed_out(self, at: datetime) -> bool:
        """Whether it waits to be performed for more than twelve hours."""
        return self.state == PaymeState.CREATED and stale(self.time, at)

    def view(self, *names: str) -> dict[str, Any]:
        """The named members of an answer."""
        members: dict[str, Any] = {
            name: getattr(self, name) for name in names if name != "transaction"
        }
        if "transaction" in names:
            members["transaction"] = str(self.handle)
        return members


def milliseconds(at: datetime) -> int:
    """Payme's time stamp: milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def stale(time: int, at: datetime) -> bool:
    """Whether Payme's `time` lies twelve hours back or more."""
    return milliseconds(at) - time >= TIMEOUT_MILLISECONDS
