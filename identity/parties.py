"""The directory of organisations: the operator and the agencies it collects for."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, Integer, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import NotFound


class OrganisationNotFound(NotFound):
    """There is no such organisation."""


class OrganisationKind(StrEnum):
    """What an organisation is to Mizon."""

    OPERATOR = "operator"
    AGENCY = "agency"


class Organisation(Base):
    """An organisation; `org_id` leads every key of its rows, `code` its payment references."""

    __tablename__ = "organisation"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("code ~ '^[0-9]{4}$'", name="code"),
        CheckConstraint("kind in ('operator', 'agency')", name="kind"),
        CheckConstraint("stir ~ '^[1-9][0-9]{8}$'", name="stir"),
        CheckConstraint("name ?& array['uz', 'ru', 'en']", name="name"),
        {"schema": "identity"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    stir: Mapped[str] = mapped_column(Text)
    name: Mapped[dict[str, str]]


def organisation(session: Session, org_id: int) -> Organisation:
    """One organisation. Raises OrganisationNotFound."""
    found = session.get(Organisation, org_id)
    if found is None:
        raise OrganisationNotFound(org_id=org_id)
    return found


def organisation_by_code(session: Session, code: str) -> Organisation | None:
    """The organisation whose payment references begin with this code."""
    return session.scalars(select(Organisation).where(Organisation.code == code)).one_or_none()


def operator(session: Session) -> Organisation:
    """The operator, in whose bank account the money of all agencies is collected."""
    query = select(Organisation).where(Organisation.kind == OrganisationKind.OPERATOR)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise OrganisationNotFound(kind=OrganisationKind.OPERATOR.value)
    return found


def organisations(session: Session) -> list[Organisation]:
    """Every organisation, by code."""
    return list(session.scalars(select(Organisation).order_by(Organisation.code)))
