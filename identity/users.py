"""Members of staff: their sign-in names, passwords and roles."""

from datetime import datetime
from functools import cache
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import ForeignKeyConstraint, Integer, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Conflict, NotFound
from identity.actor import Actor
from identity.parties import organisation
from identity.roles import Role


class LoginTaken(Conflict):
    """Somebody has this sign-in name already."""


class StaffMemberNotFound(NotFound):
    """Nobody has this sign-in name."""


class StaffMember(Base):
    """A person who works here."""

    __tablename__ = "staff_member"
    __table_args__ = (UniqueConstraint("login"), {"schema": "identity"})

    id: Mapped[UUID] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class RoleGrant(Base):
    """A role held in an organisation."""

    __tablename__ = "role_grant"
    __table_args__ = (
        ForeignKeyConstraint(["staff_id"], ["identity.staff_member.id"]),
        ForeignKeyConstraint(["org_id"], ["identity.organisation.org_id"]),
        {"schema": "identity"},
    )

    staff_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(Text, primary_key=True)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()  # argon2id, 64 MiB, t=3, p=4: RFC 9106's second recommendation


def hash_password(password: str) -> str:
    """An argon2id hash with its own salt."""
    return _hasher().hash(password)


@cache
def decoy_hash() -> str:
    """What an unknown login is checked against, so that its answer takes as long as any other."""
    return hash_password("nobody has this password")


def password_matches(password_hash: str, password: str) -> bool:
    """Whether this is the password."""
    try:
        return _hasher().verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def add_staff_member(
    session: Session, *, id: UUID, login: str, name: str, password: str, at: datetime
) -> StaffMember:
    """Add a member of staff, without any role yet. Raises LoginTaken."""
    login = login.strip().lower()
    if session.scalars(select(StaffMember).where(StaffMember.login == login)).first() is not None:
        raise LoginTaken(login=login)
    hashed = hash_password(password)
    member = StaffMember(id=id, login=login, name=name, password_hash=hashed, created_at=at)
    session.add(member)
    session.flush()
    return member


def disable_staff_member(session: Session, login: str, *, at: datetime) -> StaffMember:
    """The person signs in no more, and every session ends with the next request.

    Raises StaffMemberNotFound.
    """
    query = select(StaffMember).where(StaffMember.login == login.strip().lower())
    member = session.scalars(query.with_for_update()).one_or_none()
    if member is None:
        raise StaffMemberNotFound(login=login)
    member.disabled_at = member.disabled_at or at
    return member


def grant_role(session: Session, member: StaffMember, role: Role, *, org_id: int) -> None:
    """Give the member this role in this organisation. Raises OrganisationNotFound."""
    organisation(session, org_id)
    session.add(RoleGrant(staff_id=member.id, org_id=org_id, role=role.value))
    session.flush()


def actor_of(session: Session, member: StaffMember) -> Actor:
    """The member with all roles held."""
    grants = session.scalars(select(RoleGrant).where(RoleGrant.staff_id == member.id))
    held = frozenset((Role(grant.role), grant.org_id) for grant in grants)
    return Actor("staff", member.login, staff_id=member.id, grants=held)
