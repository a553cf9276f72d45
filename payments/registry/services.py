"""Services of agencies and their dated versions: what is paid for, how much, and by which law."""

from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, Date, ForeignKeyConstraint, Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base, Minor
from foundation.errors import NotFound
from ledger.money import Money
from payments.registry.splits import Share


class ServiceNotFound(NotFound):
    """The agency offers no such service on that day."""


class Service(Base):
    """A service of an agency; its code stands in every payment reference."""

    __tablename__ = "service"
    __table_args__ = (
        ForeignKeyConstraint(["org_id"], ["identity.organisation.org_id"]),
        CheckConstraint("code ~ '^[0-9]{4}$'", name="code"),
        CheckConstraint("name ?& array['uz', 'ru', 'en']", name="name"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[dict[str, str]]


class ServiceVersion(Base):
    """What a service costs from a day on; a bill keeps the version it was issued under."""

    __tablename__ = "service_version"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "service_code"], ["payments.service.org_id", "payments.service.code"]
        ),
        CheckConstraint("fee_minor > 0", name="fee"),
        CheckConstraint("days_to_pay > 0", name="days_to_pay"),
        CheckConstraint("jsonb_array_length(split) > 0", name="split"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    service_code: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    valid_from: Mapped[date] = mapped_column(Date)
    fee_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    days_to_pay: Mapped[int] = mapped_column(Integer)
    legal_basis: Mapped[dict[str, str]]
    split: Mapped[list[dict[str, Any]]]

    @property
    def fee(self) -> Money:
        """What the service costs."""
        return Money(self.fee_minor, self.currency)

    @property
    def shares(self) -> list[Share]:
        """Who receives the fee, by weight."""
        return [Share(payee=part["payee"], weight=part["weight"]) for part in self.split]


def version_on(session: Session, org_id: int, service_code: str, day: date) -> ServiceVersion:
    """The version in force on a day. Raises ServiceNotFound."""
    query = (
        select(ServiceVersion)
        .where(
            ServiceVersion.org_id == org_id,
            ServiceVersion.service_code == service_code,
            ServiceVersion.valid_from <= day,
        )
        .order_by(ServiceVersion.valid_from.desc(), ServiceVersion.version.desc())
        .limit(1)
    )
    found = session.scalars(query).one_or_none()
    if found is None:
        raise ServiceNotFound(agency=org_id, service=service_code, day=day)
    return found


def services_of(session: Session, org_id: int) -> list[Service]:
    """Every service of an agency, by code."""
    query = select(Service).where(Service.org_id == org_id).order_by(Service.code)
    return list(session.scalars(query))
