"""Receipts: numbered without gaps per agency and year, one for each charge whose money arrived."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Integer,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.clock import business_date
from foundation.database import Base, Minor
from identity.parties import organisation
from ledger.money import Money


class Counter(Base):
    """The last number given in a series; its row lock is what keeps numbers without gaps."""

    __tablename__ = "counter"
    __table_args__ = {"schema": "payments"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    series: Mapped[str] = mapped_column(Text, primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last: Mapped[Minor]


class Receipt(Base):
    """Proof for the payer; never changed. A reversed payment's receipt is void by its charge's state."""

    __tablename__ = "receipt"
    __table_args__ = (
        UniqueConstraint("org_id", "charge_id"),
        ForeignKeyConstraint(
            ["org_id", "charge_id"], ["payments.charge.org_id", "payments.charge.id"]
        ),
        CheckConstraint("amount_minor > 0", name="amount"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[str] = mapped_column(Text, primary_key=True)
    charge_id: Mapped[UUID]
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime]

    @property
    def amount(self) -> Money:
        """What was received."""
        return Money(self.amount_minor, self.currency)


def issue_receipt(
    session: Session, org_id: int, charge_id: UUID, *, amount: Money, at: datetime
) -> Receipt:
    """Number and write a receipt: agency code, year in Tashkent, running number."""
    year = business_date(at).year
    taken = (
        insert(Counter)
        .values(org_id=org_id, series="receipt", year=year, last=1)
        .on_conflict_do_update(
            index_elements=["org_id", "series", "year"], set_={"last": Counter.last + 1}
        )
        .returning(Counter.last)
    )
    running = session.execute(taken).scalar_one()
    receipt = Receipt(
        org_id=org_id,
        number=f"{organisation(session, org_id).code}-{year}-{running:07d}",
        charge_id=charge_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        issued_at=at,
    )
    session.add(receipt)
    return receipt


def receipt_of(session: Session, org_id: int, charge_id: UUID) -> Receipt | None:
    """The receipt of a charge, once its money has arrived."""
    query = select(Receipt).where(Receipt.org_id == org_id, Receipt.charge_id == charge_id)
    return session.scalars(query).one_or_none()
