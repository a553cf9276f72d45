"""Bills: issue one, find one by its reference, lock it, see what it is now; its states."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.clock import TASHKENT, business_date
from foundation.database import Base, Minor
from foundation.errors import Conflict, Forbidden, NotFound, Refused
from foundation.history import record
from foundation.states import Lifecycle
from identity.actor import Actor, system_actor
from identity.parties import Organisation, organisation, organisation_by_code
from identity.roles import Permission
from ledger.money import AmountMalformed, Money
from payments.references import make_reference, validate
from payments.registry.services import ServiceVersion, version_on


class BillNotFound(NotFound):
    """There is no bill with this payment reference."""


class BillAlreadyPaid(Conflict):
    """This bill is already paid."""


class BillExpired(Conflict):
    """This bill has expired; ask the agency for a new one."""


class BillCancelled(Conflict):
    """The agency has cancelled this bill; nothing is owed."""


class PayerNameMissing(Refused):
    """Write the payer's name, in 2 to 200 characters."""


class BillIdReused(Conflict):
    """Another bill was issued under this id."""


class IssueNotAllowed(Forbidden):
    """Only a clerk of the agency may issue its bills."""


class BillState(StrEnum):
    """What a bill is."""

    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


# What the ledger takes in one transfer; a bill above it could be paid but not booked.
MOST_MINOR = 10**15

# A bill whose payment is reversed is owed again; one that expired can still be paid by money that was
# on its way, because money that arrived is never refused.
LIFECYCLE = Lifecycle[BillState](
    {
        "pay": ({BillState.OPEN, BillState.EXPIRED}, BillState.PAID),
        "reopen": ({BillState.PAID}, BillState.OPEN),
        "expire": ({BillState.OPEN}, BillState.EXPIRED),
        "cancel": ({BillState.OPEN, BillState.EXPIRED}, BillState.CANCELLED),
    }
)


class Bill(Base):
    """What somebody owes an agency for one service, under one payment reference."""

    __tablename__ = "bill"
    __table_args__ = (
        UniqueConstraint("org_id", "reference"),
        ForeignKeyConstraint(
            ["org_id", "service_code", "service_version"],
            [
                "payments.service_version.org_id",
                "payments.service_version.service_code",
                "payments.service_version.version",
            ],
        ),
        CheckConstraint("reference ~ '^[0-9]{20}$'", name="reference"),
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state in ('open', 'paid', 'expired', 'cancelled')", name="state"),
        CheckConstraint("(state = 'paid') = (paid_at is not null)", name="paid"),
        Index(None, "org_id", "issued_at"),
        Index("bill_expiring_idx", "expires_at", postgresql_where="state = 'open'"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(Text)
    service_code: Mapped[str] = mapped_column(Text)
    service_version: Mapped[int] = mapped_column(Integer)
    payer_name: Mapped[str] = mapped_column(Text)
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date] = mapped_column(Date)
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """What is owed."""
        return Money(self.amount_minor, self.currency)

    def state_at(self, at: datetime) -> BillState:
        """The state as the clock has it: an open bill past its time is expired before any job ran."""
        if self.state == BillState.OPEN and at >= self.expires_at:
            return BillState.EXPIRED
        return BillState(self.state)


def issue_bill(
    session: Session,
    org_id: int,
    *,
    id: UUID,
    service_code: str,
    payer_name: str,
    by: Actor,
    at: datetime,
    amount: Money | None = None,
) -> Bill:
    """Ask a payer for a service's fee; nothing is posted, since a fee is revenue when it is paid.

    The fee and its split are those of the service's version in force today; `amount` is given only
    where the agency computes it (a court's fine). Asking again with the same `id` gives the same bill.
    Due after the version's days to pay; it expires at the end of that day in Tashkent.

    Raises IssueNotAllowed, PayerNameMissing, AmountMalformed, ServiceNotFound, OrganisationNotFound
    and BillIdReused.
    """
    if not by.may(Permission.ISSUE_BILL, org_id):
        raise IssueNotAllowed(agency=org_id)
    name = " ".join(payer_name.split())
    if not (2 <= len(name) <= 200 and name.isprintable()):
        raise PayerNameMissing(field="payer_name")
    if existing := session.get(Bill, (org_id, id)):
        return _issued_before(existing, service_code, name, amount)
    agency = organisation(session, org_id)
    version = version_on(session, org_id, service_code, business_date(at))
    owed = amount or version.fee
    if owed.currency != version.currency or not 0 < owed.minor <= MOST_MINOR:
        raise AmountMalformed(amount=owed, currency=version.currency)
    bill = _new_bill(id, agency, version, owed, payer_name=name, at=at)
    while _by_digits(session, bill.org_id, bill.reference) is not None:
        bill.reference = make_reference(agency.code, service_code)  # a serial drawn before
    session.add(bill)
    record(session, bill, "issued", by=by, at=at, amount_minor=owed.minor, currency=owed.currency)
    return bill


def _new_bill(
    id: UUID,
    agency: Organisation,
    version: ServiceVersion,
    owed: Money,
    *,
    payer_name: str,
    at: datetime,
) -> Bill:
    due_on = business_date(at) + timedelta(days=version.days_to_pay)
    return Bill(
        org_id=agency.org_id,
        id=id,
        reference=make_reference(agency.code, version.service_code),
        service_code=version.service_code,
        service_version=version.version,
        payer_name=payer_name,
        amount_minor=owed.minor,
        currency=owed.currency,
        due_on=due_on,
        expires_at=datetime.combine(due_on + timedelta(days=1), time(), TASHKENT),
        state=BillState.OPEN.value,
        issued_at=at,
    )


def _issued_before(bill: Bill, service_code: str, name: str, amount: Money | None) -> Bill:
    """The bill of a repeated request; its fee is the one of the day it was issued."""
    asked = (service_code, name, amount or bill.amount)
    if asked != (bill.service_code, bill.payer_name, bill.amount):
        raise BillIdReused(id=bill.id)
    return bill


def cancel_bill(session: Session, reference: str, *, by: Actor, at: datetime) -> Bill:
    """Tell the payer that nothing is owed; a paid bill is refunded instead.

    Raises BillNotFound, ReferenceMalformed, IssueNotAllowed and IllegalMove.
    """
    bill = lock_bill(session, reference)
    if not by.may(Permission.ISSUE_BILL, bill.org_id):
        raise IssueNotAllowed(agency=bill.org_id)
    if bill.state == BillState.CANCELLED:
        return bill
    bill.state = LIFECYCLE.after("cancel", BillState(bill.state))
    record(session, bill, "cancelled", by=by, at=at)
    return bill


def find_bill(session: Session, reference: str) -> Bill:
    """The bill with this reference, as typed. Raises ReferenceMalformed and BillNotFound."""
    return _by_reference(session, reference, lock=False)


def lock_bill(session: Session, reference: str) -> Bill:
    """The bill, locked until the transaction ends. Raises ReferenceMalformed and BillNotFound."""
    return _by_reference(session, reference, lock=True)


def lock_bill_by_id(session: Session, org_id: int, bill_id: UUID) -> Bill:
    """The bill of this id, locked until the transaction ends. Raises BillNotFound."""
    bill = session.get(Bill, (org_id, bill_id), with_for_update=True, populate_existing=True)
    if bill is None:
        raise BillNotFound(bill=bill_id)
    return bill


def refuse_unpayable(bill: Bill, at: datetime) -> None:
    """Let only a bill pass that is owed now. Raises BillAlreadyPaid, BillExpired, BillCancelled."""
    refusals = {
        BillState.PAID: BillAlreadyPaid,
        BillState.EXPIRED: BillExpired,
        BillState.CANCELLED: BillCancelled,
    }
    state = bill.state_at(at)
    if state in refusals:
        raise refusals[state](reference=bill.reference)


def expire_bills(session: Session, *, at: datetime, limit: int = 1000) -> int:
    """Mark open bills past their time; correctness never waits for this (see `state_at`)."""
    overdue = (
        select(Bill)
        .where(Bill.state == BillState.OPEN.value, Bill.expires_at <= at)
        .order_by(Bill.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    expired = session.scalars(overdue).all()
    for bill in expired:
        bill.state = LIFECYCLE.after("expire", BillState(bill.state))
        record(session, bill, "expired", by=system_actor("expire_bills"), at=at)
    return len(expired)


def bills_of(session: Session, org_ids: frozenset[int] | None, *, limit: int = 100) -> list[Bill]:
    """The newest bills of these organisations; of all when None."""
    query = select(Bill).order_by(Bill.issued_at.desc(), Bill.id.desc()).limit(limit)
    if org_ids is not None:
        query = query.where(Bill.org_id.in_(org_ids))
    return list(session.scalars(query))


def masked(name: str) -> str:
    """A name as a stranger may see it: "Aziza Karimova" becomes "A*** K***"."""
    return " ".join(f"{word[0]}***" for word in name.split()[:3])


def _by_reference(session: Session, reference: str, *, lock: bool) -> Bill:
    digits = validate(reference)
    agency = organisation_by_code(session, digits[:4])
    if agency is not None:
        bill = _by_digits(session, agency.org_id, digits, lock=lock)
        if bill is not None:
            return bill
    raise BillNotFound(reference=digits)


def _by_digits(session: Session, org_id: int, digits: str, *, lock: bool = False) -> Bill | None:
    query = select(Bill).where(Bill.org_id == org_id, Bill.reference == digits)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()
