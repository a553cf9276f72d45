"""Sign in, stay signed in, sign out: sessions live on the server and can be ended at once."""

import hashlib
import secrets
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    Text,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base, Database, storable
from foundation.errors import Refused
from identity.actor import Actor
from identity.users import StaffMember, actor_of, decoy_hash, password_matches

LIFETIME = timedelta(hours=12)
IDLE = timedelta(minutes=60)
# OWASP ASVS 5.0, 6.3.1: slow down guessing; a person who mistypes a few times is not locked out.
ATTEMPTS_ALLOWED = 10
ATTEMPTS_WINDOW = timedelta(minutes=15)
# argon2 takes 64 MiB a check: a burst of sign-ins waits instead of exhausting memory.
_CHECKS = BoundedSemaphore(4)


class SignInRefused(Refused):
    """The sign-in name and the password do not belong together."""


class TooManyAttempts(Refused):
    """Too many wrong passwords for this name; wait a quarter of an hour."""

    status = 429


class StaffSession(Base):
    """A signed-in browser; only a hash of its token is kept."""

    __tablename__ = "session"
    __table_args__ = (
        ForeignKeyConstraint(["staff_id"], ["identity.staff_member.id"]),
        {"schema": "identity"},
    )

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    staff_id: Mapped[UUID]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SignInAttempt(Base):
    """A try to sign in, kept to slow down guessing."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (Index(None, "login", "at"), {"schema": "identity"})

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    login: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    succeeded: Mapped[bool] = mapped_column(Boolean)


def sign_in(database: Database, *, login: str, password: str, at: datetime) -> str:
    """Check the password and start a session; returns the token for the cookie.

    Opens its own transactions: a wrong password must leave its trace although it is refused, and no
    connection waits while argon2 works. Raises SignInRefused and TooManyAttempts.
    """
    login = storable(login).strip().lower()[:200]
    with database.transaction() as session:
        if _recent_failures(session, login, at) >= ATTEMPTS_ALLOWED:
            raise TooManyAttempts(login=login)
        member = session.scalars(
            select(StaffMember).where(StaffMember.login == login)
        ).one_or_none()
    usable = member is not None and member.disabled_at is None
    with _CHECKS:
        hashed = member.password_hash if member else decoy_hash()
        right = password_matches(hashed, password) and usable
    with database.transaction() as session:
        session.add(SignInAttempt(login=login, at=at, succeeded=right))
        if right and member is not None:
            return _start(session, member, at)
    raise SignInRefused(login=login)


def signed_in(session: Session, token: str, *, at: datetime) -> tuple[StaffMember, Actor] | None:
    """Who holds this token, or None when it is unknown, ended, expired or idle for too long."""
    found = session.get(StaffSession, _hash(token))
    if found is None or found.ended_at is not None:
        return None
    if at >= found.expires_at or at - found.seen_at > IDLE:
        return None
    member = session.get(StaffMember, found.staff_id)
    if member is None or member.disabled_at is not None:
        return None
    if at - found.seen_at > timedelta(minutes=1):
        found.seen_at = at
    return member, actor_of(session, member)


def sign_out(session: Session, token: str, *, at: datetime) -> None:
    """End the session of this token."""
    session.execute(
        update(StaffSession)
        .where(StaffSession.token_hash == _hash(token), StaffSession.ended_at.is_(None))
        .values(ended_at=at)
    )


def _start(session: Session, member: StaffMember, at: datetime) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        StaffSession(
            token_hash=_hash(token),
            staff_id=member.id,
            started_at=at,
            seen_at=at,
            expires_at=at + LIFETIME,
        )
    )
    return token


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _recent_failures(session: Session, login: str, at: datetime) -> int:
    query = select(func.count()).where(
        SignInAttempt.login == login,
        SignInAttempt.at > at - ATTEMPTS_WINDOW,
        SignInAttempt.succeeded.is_(False),
    )
    return session.execute(query).scalar_one()
