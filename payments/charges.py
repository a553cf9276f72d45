"""Charges: one attempt to pay a bill each; open, settle, reverse and close them."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.clock import business_date
from foundation.database import Base, Minor
from foundation.errors import Conflict, NotFound
from foundation.history import record
from foundation.ids import new_id
from foundation.states import Lifecycle
from identity.actor import Actor
from ledger.money import Money
from ledger.transfers import Journal, post_all
from payments import entries
from payments.bills import LIFECYCLE as BILL_LIFECYCLE
from payments.bills import Bill, BillState, lock_bill_by_id, refuse_unpayable
from payments.breaks import BreakKind, open_break
from payments.receipts import issue_receipt
from payments.registry.services import ServiceVersion
from payments.registry.splits import split


class ChargeNotFound(NotFound):
    """There is no such payment."""


class BillBusy(Conflict):
    """A payment of this bill is under way; finish or cancel it first."""


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


def open_charge(
    session: Session, bill: Bill, *, provider: str, language: str, by: Actor, at: datetime
) -> Charge:
    """Write down an attempt to pay a locked bill; no money moves.

    An attempt that is open already is returned if it is with the same provider; one that never
    reached its provider gives way. Raises BillBusy, BillAlreadyPaid, BillExpired and BillCancelled.
    """
    refuse_unpayable(bill, at)
    current = current_charge(session, bill)
    if current is not None:
        if current.provider == provider:
            return current
        if current.state == ChargeState.PENDING:
            raise BillBusy(provider=current.provider, reference=bill.reference)
        close_charge(session, current, "cancel", by=by, at=at, reason="another way was chosen")
    charge = Charge(
        org_id=bill.org_id,
        id=new_id(),
        bill_id=bill.id,
        provider=provider,
        language=language,
        amount_minor=bill.amount_minor,
        currency=bill.currency,
        state=ChargeState.CREATED.value,
        created_at=at,
    )
    session.add(charge)
    session.flush()
    record(session, charge, "created", by=by, at=at, provider=provider, reference=bill.reference)
    return charge


def mark_sent(
    session: Session,
    charge: Charge,
    *,
    provider_ref: str,
    checkout_url: str | None,
    by: Actor,
    at: datetime,
) -> None:
    """The provider has the attempt under `provider_ref`; what it was told already stays."""
    if charge.provider_ref is None:
        charge.provider_ref, charge.checkout_url = provider_ref, checkout_url
    if charge.state == ChargeState.CREATED:
        charge.state = LIFECYCLE.after("send", ChargeState(charge.state))
        record(session, charge, "sent", by=by, at=at, provider_ref=provider_ref)


def settle_charge(
    session: Session, charge: Charge, *, confirmed: Money, by: Actor, at: datetime
) -> Charge:
    """Record that the payer's money has arrived; bill and receipt follow in the same transaction.

    Posts one journal in the agency's book: provider clearing against the payees of the bill's split.
    The journal's key is derived from the charge, so a repeated callback finds what the first one did.
    Money for a bill that is not owed any more, or another amount than asked, becomes the payer's
    credit and a break: money that arrived is never refused. `charge` must be locked, after its bill.

    Source: docs/accounting.md, payment confirmed and payment credited.
    """
    if charge.state in {ChargeState.SETTLED, ChargeState.REVERSED}:
        return charge
    bill = lock_bill_by_id(session, charge.org_id, charge.bill_id)
    late = charge.state in CLOSED_UNPAID
    charge.state = LIFECYCLE.after("settle", ChargeState(charge.state))
    charge.settled_at = at
    charge.confirmed_minor, charge.confirmed_currency = confirmed.minor, confirmed.currency
    owed = BILL_LIFECYCLE.allows("pay", BillState(bill.state)) and confirmed == bill.amount
    charge.applied = Applied.BILL.value if owed else Applied.CREDIT.value
    if owed:
        bill.state = BILL_LIFECYCLE.after("pay", BillState(bill.state))
        bill.paid_at = at
        record(session, bill, "paid", by=by, at=at, charge=charge.id)
    else:
        _explain_credit(session, charge, bill, at=at)
    posting = post_all(session, [settlement_entry(session, charge, bill)])[0]
    receipt = issue_receipt(session, charge.org_id, charge.id, amount=confirmed, at=at)
    record(
        session,
        charge,
        "settled",
        by=by,
        at=at,
        amount_minor=confirmed.minor,
        currency=confirmed.currency,
        applied=charge.applied,
        late=late,
        journal=posting.journal,
        receipt=receipt.number,
    )
    return charge


def reverse_charge(
    session: Session, charge: Charge, *, reason: str, by: Actor, at: datetime
) -> Charge:
    """The provider gave the payer the money back; the bill is owed again, the receipt is void.

    Posts the settlement's entry with its sides exchanged. `charge` must be locked, after its bill.
    Raises IllegalMove. Source: docs/accounting.md, payment reversed.
    """
    if charge.state == ChargeState.REVERSED:
        return charge
    bill = lock_bill_by_id(session, charge.org_id, charge.bill_id)
    charge.state = LIFECYCLE.after("reverse", ChargeState(charge.state))
    charge.closed_at = at
    settled = settlement_entry(session, charge, bill)
    entry = entries.payment_reversed(
        charge, settled, effective=business_date(at), reference=bill.reference
    )
    posting = post_all(session, [entry])[0]
    if charge.applied == Applied.BILL:
        bill.state = BILL_LIFECYCLE.after("reopen", BillState(bill.state))
        bill.paid_at = None
        record(session, bill, "reopened", by=by, at=at, charge=charge.id)
    record(session, charge, "reversed", by=by, at=at, reason=reason, journal=posting.journal)
    return charge


def close_charge(
    session: Session, charge: Charge, event: str, *, by: Actor, at: datetime, reason: str
) -> Charge:
    """End an attempt without money: `event` is "cancel", "expire" or "decline". Raises IllegalMove."""
    if charge.state in CLOSED_UNPAID:
        return charge
    charge.state = LIFECYCLE.after(event, ChargeState(charge.state))
    charge.closed_at = at
    record(session, charge, charge.state, by=by, at=at, reason=reason)
    return charge


def settlement_entry(session: Session, charge: Charge, bill: Bill) -> Journal:
    """The journal of a settled charge, the same whenever it is asked for."""
    if charge.settled_at is None:
        raise ValueError("the charge is not settled")
    effective = business_date(charge.settled_at)
    if charge.applied == Applied.CREDIT:
        return entries.payment_credited(
            charge, charge.confirmed, effective=effective, reference=bill.reference
        )
    version = session.get_one(
        ServiceVersion, (bill.org_id, bill.service_code, bill.service_version)
    )
    parts = split(charge.confirmed, version.shares)
    return entries.payment_confirmed(charge, parts, effective=effective, reference=bill.reference)


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


def _explain_credit(session: Session, charge: Charge, bill: Bill, *, at: datetime) -> None:
    kind = BreakKind.PAID_TWICE if bill.state == BillState.PAID else BreakKind.LATE
    if charge.confirmed != bill.amount:
        kind = BreakKind.AMOUNT
    open_break(
        session,
        charge.org_id,
        kind,
        subject="charge",
        subject_id=str(charge.id),
        amount=charge.confirmed,
        at=at,
        reference=bill.reference,
        provider=charge.provider,
        bill_state=bill.state,
        asked=str(bill.amount),
    )
