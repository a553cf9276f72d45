"""What is kept of bank statements: the file as it came, its statements, their lines."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, deferred, mapped_column

from foundation.database import Base, Minor
from foundation.errors import NotFound
from ledger.money import Money


class StatementFileNotFound(NotFound):
    """There is no such statement file."""


class LineState(StrEnum):
    """What became of a statement line."""

    SHOWN = "shown"
    BATCH = "batch"
    UNMATCHED = "unmatched"
    MATCHED = "matched"
    SUSPENSE = "suspense"
    BREAK = "break"


class StatementFile(Base):
    """A file as the bank gave it, whatever the gate said; the same bytes are kept once."""

    __tablename__ = "statement_file"
    __table_args__ = (
        CheckConstraint("verdict in ('accepted', 'quarantined', 'refused')", name="verdict"),
        Index(None, "org_id", "received_at"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str | None] = mapped_column(Text)
    content: Mapped[bytes] = deferred(mapped_column(LargeBinary))
    received_at: Mapped[datetime]
    received_from: Mapped[str] = mapped_column(Text)
    verdict: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[str]] = mapped_column(JSONB)


class Statement(Base):
    """One statement of one account; only an accepted one has lines that are posted."""

    __tablename__ = "statement"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "file_sha256"],
            ["payments.statement_file.org_id", "payments.statement_file.sha256"],
        ),
        CheckConstraint("verdict in ('accepted', 'quarantined')", name="verdict"),
        CheckConstraint(
            "verdict <> 'accepted' or (opening_minor is not null and closing_minor is not null)",
            name="balances",
        ),
        UniqueConstraint("org_id", "file_sha256", "number"),
        # A statement of the bank is accepted once, in whatever file it stands.
        Index(
            "statement_accepted_idx",
            "org_id",
            "account",
            "currency",
            "position",
            unique=True,
            postgresql_where="verdict = 'accepted'",
        ),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    file_sha256: Mapped[str] = mapped_column(Text)
    number: Mapped[int] = mapped_column(Integer)
    account: Mapped[str | None] = mapped_column(Text)
    currency: Mapped[str | None] = mapped_column(Text)
    statement_id: Mapped[str] = mapped_column(Text)
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int | None] = mapped_column(Integer)
    from_date: Mapped[date | None] = mapped_column(Date)
    to_date: Mapped[date | None] = mapped_column(Date)
    opening_minor: Mapped[Minor | None]
    closing_minor: Mapped[Minor | None]
    entries: Mapped[int] = mapped_column(Integer)
    details: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[str] = mapped_column(Text)
    reasons: Mapped[list[str]] = mapped_column(JSONB)

    def money(self, minor: int | None) -> Money | None:
        """A balance of this statement."""
        return None if minor is None or self.currency is None else Money(minor, self.currency)


class StatementLine(Base):
    """One booked amount of an accepted statement, signed: money that came in is positive.

    A batch entry whose details add up to it is kept with state `batch`, its details as lines with
    `parent_id`; money is counted once, by the details.
    """

    __tablename__ = "statement_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "statement_id"], ["payments.statement.org_id", "payments.statement.id"]
        ),
        CheckConstraint(
            "state in ('shown', 'batch', 'unmatched', 'matched', 'suspense', 'break')", name="state"
        ),
        UniqueConstraint("org_id", "statement_id", "seq", "detail"),
        Index("statement_line_unmatched_idx", "org_id", postgresql_where="state = 'unmatched'"),
        {"schema": "payments"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    seq: Mapped[int] = mapped_column(Integer)
    detail: Mapped[int] = mapped_column(Integer)
    account: Mapped[str] = mapped_column(Text)
    booking_date: Mapped[date | None] = mapped_column(Date)
    value_date: Mapped[date | None] = mapped_column(Date)
    amount_minor: Mapped[Minor]
    currency: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    is_reversal: Mapped[bool] = mapped_column(Boolean)
    bank_reference: Mapped[str] = mapped_column(Text)
    end_to_end_id: Mapped[str] = mapped_column(Text)
    counterparty: Mapped[dict[str, str]]
    purpose: Mapped[str] = mapped_column(Text)
    references: Mapped[list[str]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(Text)
    matched_to: Mapped[dict[str, Any] | None]
    matched_at: Mapped[datetime | None]

    @property
    def amount(self) -> Money:
        """The signed amount."""
        return Money(self.amount_minor, self.currency)


def find_file(session: Session, org_id: int, sha256: str) -> StatementFile:
    """A statement file by the hash of its bytes. Raises StatementFileNotFound."""
    found = session.get(StatementFile, (org_id, sha256))
    if found is None:
        raise StatementFileNotFound(sha256=sha256[:64])
    return found


def files_of(session: Session, org_id: int, *, limit: int = 50) -> list[StatementFile]:
    """The newest files."""
    query = select(StatementFile).where(StatementFile.org_id == org_id)
    return list(session.scalars(query.order_by(StatementFile.received_at.desc()).limit(limit)))


def statements_of(session: Session, file: StatementFile) -> list[Statement]:
    """The statements of a file, in its order."""
    query = select(Statement).where(
        Statement.org_id == file.org_id, Statement.file_sha256 == file.sha256
    )
    return list(session.scalars(query.order_by(Statement.number)))


def lines_of(session: Session, statement: Statement, *, limit: int = 500) -> list[StatementLine]:
    """The lines of a statement, in the bank's order."""
    query = select(StatementLine).where(
        StatementLine.org_id == statement.org_id, StatementLine.statement_id == statement.id
    )
    ordered = query.order_by(StatementLine.seq, StatementLine.detail).limit(limit)
    return list(session.scalars(ordered))


def last_accepted(session: Session, org_id: int, account: str, currency: str) -> Statement | None:
    """The newest accepted statement of an account."""
    query = select(Statement).where(
        Statement.org_id == org_id,
        Statement.account == account,
        Statement.currency == currency,
        Statement.verdict == "accepted",
    )
    newest = query.order_by(Statement.position.desc()).limit(1)
    return session.scalars(newest).one_or_none()
