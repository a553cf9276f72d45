"""Charges as they are kept: table, states, public handle, and how to find and lock one."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base, Minor
from foundation.errors import NotFound
from foundation.states import Lifecycle
from ledger.money import Money
from payments.bills import Bill, lock_bill_by_id


class ChargeNotFound(NotFound):
    """There is no such payment."""


class ChargeState(StrEnum):
    """Where an attempt to pay stands."""

    CREATED = "created"
    PENDING = "pending"
    SETTLED = "settled"
    REVERSED = "reversed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN_STATES = frozenset({ChargeState.CREATED, ChargeState.PENDING})
CLOSED_UNPAID = frozenset({ChargeState.DECLINED, ChargeState.CANCELLED, ChargeState.EXPIRED})

# Money may arrive after an attempt was given up: `settle` is allowed from every unpaid state.
LIFECYCLE = Lifecycle[ChargeState](
    {
        "send": ({ChargeState.CREATED}, ChargeState.PENDING),
        "settle": (OPEN_STATES | CLOSED_UNPAID, ChargeState.SETTLED),
        "reverse": ({ChargeState.SETTLED}, ChargeState.REVERSED),
        "decline": (OPEN_STATES, ChargeState.DECLINED),
        "cancel": (OPEN_STATES, ChargeState.CANCELLED),
        "expire": (OPEN_STATES, ChargeState.EXPIRED),
    }
)


class Applied(StrEnum):
    """What the money of a settled charge became."""

    BILL = "bill"
    CREDIT = "credit"


class Charge(Base):
    """One attempt to pay one bill through one provider."""

    __tablename__ = "charge"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "bill_id"], ["payments.bill.org_id", "payments.bill.id"]),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint(
            "state in ('created', 'pending', 'settled', 'reversed', 'declined', 'cancelled', 'expired')",
            name="state",
        ),
        CheckConstraint("applied in ('bill', 'credit')", name="applied"),
        CheckConstraint(
            "(state in ('settled', 'reversed')) = (settled_at is not null and applied is not null"
            " and confirmed_minor is not null and confirmed_currency is not null)",
            name="settled",
        ),
        # One open attempt a bill: two tabs, two phones or two providers cannot both be asked.
        Index(
            "charge_one_open_idx",
            "org_id",
            "bill_id",
            unique=True,
            postgresql_where="state in ('created', 'pending')",
        ),
        # One charge pays a bill: whatever else arrives becomes the payer's credit.
        Index(
            "charge_one_payment_idx",
            "org_id",
            "bill_id",
            unique=True,
            postgresql_where="state = 'settled' and applied = 'bill'",
        ),
        Index(None, "org_id", "provider", "provider_ref"),
        Index(None, "provider", "payment_ref"),
        Index(
            "charge_pending_idx", "created_at", postgresql_where="state in ('created', 'pending')"
        ),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    bill_id: Mapped[UUID]
    provider: Mapped[str] = mapped_column(Text)
    provider_ref: Mapped[str | None] = mapped_column(Text)
    payment_ref: Mapped[str | None] = mapped_column(Text)
    checkout_url: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    confirmed_minor: Mapped[Minor | None]
    confirmed_currency: Mapped[str | None] = mapped_column(Text)
    applied: Mapped[str | None] = mapped_column(Text)

    @property
    def amount(self) -> Money:
        """What the payer was asked for."""
        return Money(self.amount_minor, self.currency)

    @property
    def confirmed(self) -> Money:
        """What the provider confirmed; asked for when nothing is confirmed yet."""
        if self.confirmed_minor is None or self.confirmed_currency is None:
            return self.amount
        return Money(self.confirmed_minor, self.confirmed_currency)

    @property
    def handle(self) -> "Handle":
        """How the outside names this charge."""
        return Handle(self.org_id, self.id)


@dataclass(frozen=True)
class Handle:
    """A charge's public name: it carries the organisation, so that every query has it."""

    org_id: int
    charge_id: UUID

    def __str__(self) -> str:
        return f"{self.org_id}-{self.charge_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "7-0192ab…". Raises ChargeNotFound for anything else."""
        org, _, charge = text.partition("-")
        if not re.fullmatch(r"[0-9]{1,9}-[0-9a-f-]{36}", text):
            raise ChargeNotFound(payment=text[:60])
        try:
            return cls(int(org), UUID(charge))
        except ValueError:
            raise ChargeNotFound(payment=text[:60]) from None


def find_charge(session: Session, handle: Handle) -> Charge:
    """The charge of this handle. Raises ChargeNotFound."""
    charge = session.get(Charge, (handle.org_id, handle.charge_id))
    if charge is None:
        raise ChargeNotFound(payment=str(handle))
    return charge


def lock_charge(session: Session, handle: Handle) -> Charge:
    """The charge, its bill and itself locked in this order everywhere. Raises ChargeNotFound."""
    lock_bill_by_id(session, handle.org_id, find_charge(session, handle).bill_id)
    key = (handle.org_id, handle.charge_id)
    return session.get_one(Charge, key, with_for_update=True, populate_existing=True)


def current_charge(session: Session, bill: Bill) -> Charge | None:
    """The open attempt of a bill, if there is one."""
    query = select(Charge).where(
        Charge.org_id == bill.org_id,
        Charge.bill_id == bill.id,
        Charge.state.in_([state.value for state in OPEN_STATES]),
    )
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def charges_of(session: Session, bill: Bill) -> list[Charge]:
    """Every attempt to pay a bill, newest first."""
    query = select(Charge).where(Charge.org_id == bill.org_id, Charge.bill_id == bill.id)
    return list(session.scalars(query.order_by(Charge.id.desc())))
