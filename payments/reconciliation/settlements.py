"""Settlement reports of providers: keep each payout with its items, and find the charges they pay."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Integer, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base, Minor
from ledger.money import Money
from payments.breaks import BreakKind, open_break
from payments.charges import Charge, ChargeNotFound, ChargeState, Handle, find_charge
from payments.gateways.protocol import SettledItem, SettlementReport


class PayoutState(StrEnum):
    """Whether a provider's payout has been seen at the bank."""

    ANNOUNCED = "announced"
    SETTLED = "settled"


class Payout(Base):
    """What a provider says it sends to our bank; kept in the operator's rows, for all agencies."""

    __tablename__ = "payout"
    __table_args__ = (
        CheckConstraint("state in ('announced', 'settled')", name="state"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    net_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    announced_at: Mapped[datetime]
    arrives_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text)
    settled_at: Mapped[datetime | None]

    @property
    def net(self) -> Money:
        """What should reach the bank."""
        return Money(self.net_minor, self.currency)


class PayoutItem(Base):
    """One payment or refund inside a payout, with the provider's fee for it."""

    __tablename__ = "payout_item"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "provider", "payout_id"],
            ["payments.payout.org_id", "payments.payout.provider", "payments.payout.id"],
        ),
        CheckConstraint("kind in ('payment', 'refund')", name="kind"),
        Index(None, "provider", "payment_ref"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    payout_id: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Text)
    payment_ref: Mapped[str] = mapped_column(Text)
    gross_minor: Mapped[Minor]
    fee_minor: Mapped[Minor]
    agency_org_id: Mapped[int | None] = mapped_column(Integer)
    charge_id: Mapped[UUID | None]


def keep_report(
    session: Session, operator_org: int, provider: str, report: SettlementReport, *, at: datetime
) -> bool:
    """Write a report down once; one whose items do not add up to its net becomes a break.

    Returns whether it was new. Nothing is posted: money is, when the bank shows the payout.
    """
    row = insert(Payout).values(
        org_id=operator_org,
        provider=provider,
        id=report.payout_id,
        net_minor=report.net.minor,
        currency=report.net.currency,
        announced_at=at,
        arrives_at=report.arrival,
        state=PayoutState.ANNOUNCED.value,
    )
    new = session.execute(row.on_conflict_do_nothing().returning(Payout.id)).first()
    if new is None:
        return False
    for item in report.items:
        _learn_payment_ref(session, provider, item)
    for seq, item in enumerate(report.items, start=1):
        session.add(_item(session, operator_org, provider, report, seq, item))
    total = sum(item.gross.minor - item.fee.minor for item in report.items)
    if total != report.net.minor:
        open_break(
            session,
            operator_org,
            BreakKind.PAYOUT_DIFFERS,
            subject="payout",
            subject_id=f"{provider}:{report.payout_id}",
            amount=report.net,
            at=at,
            items=total,
        )
    session.flush()
    return True


def unsettled_charges(session: Session, operator_org: int) -> list[Charge]:
    """Charges that a provider is paying out although our books do not have them as settled."""
    query = (
        select(Charge)
        .join(
            PayoutItem,
            (PayoutItem.agency_org_id == Charge.org_id) & (PayoutItem.charge_id == Charge.id),
        )
        .where(
            PayoutItem.org_id == operator_org,
            Charge.state.not_in([ChargeState.SETTLED.value, ChargeState.REVERSED.value]),
        )
    )
    return list(session.scalars(query))


def payouts(session: Session, operator_org: int) -> list[Payout]:
    """Every payout ever announced."""
    return list(session.scalars(select(Payout).where(Payout.org_id == operator_org)))


def announced(session: Session, operator_org: int) -> list[Payout]:
    """Payouts that the bank has not shown yet, oldest first."""
    query = (
        select(Payout)
        .where(Payout.org_id == operator_org, Payout.state == PayoutState.ANNOUNCED.value)
        .order_by(Payout.announced_at, Payout.id)
    )
    return list(session.scalars(query))


def items_of(session: Session, payout: Payout) -> Sequence[PayoutItem]:
    """The items of a payout, in the report's order."""
    query = select(PayoutItem).where(
        PayoutItem.org_id == payout.org_id,
        PayoutItem.provider == payout.provider,
        PayoutItem.payout_id == payout.id,
    )
    return session.scalars(query.order_by(PayoutItem.seq)).all()


def faults_of(session: Session, payout: Payout) -> list[str]:
    """Why a payout cannot be posted: items we do not know, or know otherwise; [] when all agree."""
    faults = []
    items = items_of(session, payout)
    for item in items:
        charge = _charge_of(session, item)
        if charge is None:
            faults.append(f"{item.payment_ref}: not in our books")
            continue
        refund = item.kind == "refund"
        right = {ChargeState.REVERSED} if refund else {ChargeState.SETTLED, ChargeState.REVERSED}
        if charge.state not in right:
            faults.append(f"{item.payment_ref}: {item.kind}, our state is {charge.state}")
        signed = -item.gross_minor if refund else item.gross_minor
        if Money(signed, payout.currency) != charge.confirmed:
            faults.append(f"{item.payment_ref}: {signed}, our books have {charge.confirmed.minor}")
    if sum(item.gross_minor - item.fee_minor for item in items) != payout.net_minor:
        faults.append("the items do not add up to the payout")
    return faults


def _learn_payment_ref(session: Session, provider: str, item: SettledItem) -> None:
    """A payment whose callback never came is found by our own name for it, which the provider kept."""
    if item.handle is None:
        return
    with suppress(ChargeNotFound):
        charge = find_charge(session, Handle.parse(item.handle))
        if charge.provider == provider and charge.payment_ref is None:
            charge.payment_ref = item.payment_ref


def _item(
    session: Session,
    operator_org: int,
    provider: str,
    report: SettlementReport,
    seq: int,
    item: SettledItem,
) -> PayoutItem:
    query = select(Charge.org_id, Charge.id).where(
        Charge.provider == provider, Charge.payment_ref == item.payment_ref
    )
    found = session.execute(query).one_or_none()
    return PayoutItem(
        org_id=operator_org,
        provider=provider,
        payout_id=report.payout_id,
        seq=seq,
        kind=item.kind,
        payment_ref=item.payment_ref,
        gross_minor=item.gross.minor,
        fee_minor=item.fee.minor,
        agency_org_id=found.org_id if found else None,
        charge_id=found.id if found else None,
    )


def _charge_of(session: Session, item: PayoutItem) -> Charge | None:
    if item.charge_id is None:
        return None
    return session.get(Charge, (item.agency_org_id, item.charge_id))
