"""The rows of fiscal periods and how they are read; only the ledger's own functions write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    Numeric,
    Select,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import NotFound
from foundation.states import Lifecycle
from ledger.accounts import Account
from ledger.currencies import CODES
from ledger.money import Money
from ledger.transfers import HoldRow


class PeriodState(StrEnum):
    """What may be posted to the days of a period."""

    OPEN = "open"
    SOFT = "soft"
    CLOSED = "closed"


LIFECYCLE = Lifecycle[PeriodState](
    {
        "close_softly": ({PeriodState.OPEN}, PeriodState.SOFT),
        "open_again": ({PeriodState.SOFT}, PeriodState.OPEN),
        "close": ({PeriodState.SOFT}, PeriodState.CLOSED),
        "reopen": ({PeriodState.CLOSED}, PeriodState.SOFT),
    }
)
HOLD_OPEN = 1


class PeriodNotFound(NotFound):
    """This book has no such period."""


class Period(Base):
    """Days of a book that are closed together, named by the last of them.

    Each but the first says which it follows, so there are no gaps and no overlaps; the first takes in
    all that was effective before it.
    """

    __tablename__ = "period"
    __table_args__ = (
        UniqueConstraint("org_id", "follows", postgresql_nulls_not_distinct=True),
        ForeignKeyConstraint(["org_id"], ["ledger.book.org_id"]),
        ForeignKeyConstraint(
            ["org_id", "follows"], ["ledger.period.org_id", "ledger.period.last_day"]
        ),
        CheckConstraint(
            "first_day <= last_day and (follows is null or first_day = follows + 1)", name="days"
        ),
        CheckConstraint("state in ('open', 'soft', 'closed')", name="state"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_day: Mapped[date] = mapped_column(primary_key=True)
    first_day: Mapped[date]
    follows: Mapped[date | None]
    state: Mapped[str] = mapped_column(Text, server_default=text("'open'"))

    @property
    def id(self) -> date:
        """What its history is kept under."""
        return self.last_day


class PeriodClosing(Base):
    """One closing of a period: who, when, and the SHA-256 of the trial balance that it sealed."""

    __tablename__ = "period_closing"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "last_day"], ["ledger.period.org_id", "ledger.period.last_day"]
        ),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_day: Mapped[date] = mapped_column(primary_key=True)
    closing: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    closed_at: Mapped[datetime]
    closed_by: Mapped[str] = mapped_column(Text)
    trial_balance_hash: Mapped[bytes] = mapped_column(LargeBinary)


class PeriodBalance(Base):
    """A line of a sealed trial balance: what turned over in the period, what stood after its last day.

    `seq` is the sequence that the account had reached: what was known is its entries up to this one.
    """

    __tablename__ = "period_balance"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "last_day"], ["ledger.period.org_id", "ledger.period.last_day"]
        ),
        ForeignKeyConstraint(["org_id", "account"], ["ledger.account.org_id", "ledger.account.id"]),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_day: Mapped[date] = mapped_column(primary_key=True)
    closing: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    account: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    # Whole numbers of any size: what turns over is not bounded as a balance is.
    debits_minor: Mapped[Decimal] = mapped_column(Numeric(38, 0))
    credits_minor: Mapped[Decimal] = mapped_column(Numeric(38, 0))
    balance_minor: Mapped[Decimal] = mapped_column(Numeric(38, 0))


class PeriodHold(Base):
    """A hold that was open when a period was closed, and what was left of it."""

    __tablename__ = "period_hold"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "last_day"], ["ledger.period.org_id", "ledger.period.last_day"]
        ),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_day: Mapped[date] = mapped_column(primary_key=True)
    closing: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    hold: Mapped[UUID] = mapped_column(primary_key=True)
    debit_account: Mapped[int] = mapped_column(BigInteger)
    credit_account: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[int] = mapped_column(SmallInteger)
    rest_minor: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None]


class PeriodReopening(Base):
    """Somebody's wish to reopen a closing, and the other person who approved it."""

    __tablename__ = "period_reopening"
    __table_args__ = (
        ForeignKeyConstraint(
            ["org_id", "last_day", "closing"],
            [
                "ledger.period_closing.org_id",
                "ledger.period_closing.last_day",
                "ledger.period_closing.closing",
            ],
        ),
        CheckConstraint("approved_by <> requested_by", name="two_persons"),
        CheckConstraint("(approved_by is null) = (approved_at is null)", name="approved"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    last_day: Mapped[date] = mapped_column(primary_key=True)
    closing: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None]


@dataclass(frozen=True)
class SealedLine:
    """An account in a sealed trial balance; balances are positive on its normal side."""

    account: Account
    opening: Money
    debits: Money
    credits: Money
    closing: Money


@dataclass(frozen=True)
class Held:
    """How many holds are open in one currency, and what is left of them together."""

    count: int
    rest: Money


def find_period(session: Session, org_id: int, last_day: date) -> Period:
    """The period of a book that ends on this day. Raises PeriodNotFound."""
    query = select(Period).where(Period.org_id == org_id, Period.last_day == last_day)
    # As it is now: the ledger's functions change it behind the session's back.
    found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise PeriodNotFound(org_id=org_id, last_day=last_day)
    return found


def periods_of(session: Session, org_id: int) -> Sequence[Period]:
    """The periods of a book, newest first."""
    query = select(Period).where(Period.org_id == org_id).order_by(Period.last_day.desc())
    return session.scalars(query.execution_options(populate_existing=True)).all()


def closings_of(
    session: Session, org_id: int, last_day: date | None = None
) -> Sequence[PeriodClosing]:
    """The closings of a period, or of every period of a book, newest first."""
    query = select(PeriodClosing).where(PeriodClosing.org_id == org_id)
    if last_day is not None:
        query = query.where(PeriodClosing.last_day == last_day)
    return session.scalars(
        query.order_by(PeriodClosing.last_day.desc(), PeriodClosing.closing.desc())
    ).all()


def reopenings_of(
    session: Session, org_id: int, last_day: date | None = None
) -> Sequence[PeriodReopening]:
    """The wishes to reopen a period, or every period of a book, approved or not, newest first."""
    query = select(PeriodReopening).where(PeriodReopening.org_id == org_id)
    if last_day is not None:
        query = query.where(PeriodReopening.last_day == last_day)
    query = query.order_by(PeriodReopening.last_day.desc(), PeriodReopening.closing.desc())
    return session.scalars(query.execution_options(populate_existing=True)).all()


def find_closing(session: Session, org_id: int, last_day: date, closing: int) -> PeriodClosing:
    """One closing of a period, the first has number 1. Raises PeriodNotFound."""
    found = session.get(PeriodClosing, (org_id, last_day, closing))
    if found is None:
        raise PeriodNotFound(org_id=org_id, last_day=last_day, closing=closing)
    return found


def sealed_lines(session: Session, closing: PeriodClosing) -> list[SealedLine]:
    """The trial balance that a closing sealed, in the order of the chart."""
    rows = session.execute(
        select(PeriodBalance, Account)
        .join(
            Account,
            (Account.org_id == PeriodBalance.org_id) & (Account.id == PeriodBalance.account),
        )
        .where(
            PeriodBalance.org_id == closing.org_id,
            PeriodBalance.last_day == closing.last_day,
            PeriodBalance.closing == closing.closing,
        )
        .order_by(Account.currency, Account.number, Account.name)
    )
    return [_line(balance, account) for balance, account in rows]


def sealed_text(session: Session, closing: PeriodClosing) -> str:
    """The sealed trial balance as text; the SHA-256 of its UTF-8 is the closing's hash."""
    asked = {"org": closing.org_id, "day": closing.last_day, "closing": closing.closing}
    found: str = session.execute(
        text("SELECT ledger.sealed_text(:org, :day, :closing)"), asked
    ).scalar_one()
    return found


def held_at_closing(session: Session, closing: PeriodClosing) -> list[Held]:
    """The holds that were open when the period was closed, added up by currency."""
    query = select(PeriodHold.currency, func.count(), func.sum(PeriodHold.rest_minor)).where(
        PeriodHold.org_id == closing.org_id,
        PeriodHold.last_day == closing.last_day,
        PeriodHold.closing == closing.closing,
    )
    return _held(session, query.group_by(PeriodHold.currency).order_by(PeriodHold.currency))


def held_now(session: Session, org_id: int, *, at: datetime) -> list[Held]:
    """The holds of a book that are open now, added up by currency."""
    rest = HoldRow.amount_minor - HoldRow.captured_minor - HoldRow.released_minor
    query = (
        select(HoldRow.currency, func.count(), func.sum(rest))
        .where(HoldRow.org_id == org_id, HoldRow.state == HOLD_OPEN)
        .where(or_(HoldRow.expires_at.is_(None), HoldRow.expires_at > at))
    )
    return _held(session, query.group_by(HoldRow.currency).order_by(HoldRow.currency))


def _held(session: Session, query: Select[int, int, int]) -> list[Held]:
    return [
        Held(count, Money(int(rest), CODES[currency]))
        for currency, count, rest in session.execute(query)
    ]


def _line(balance: PeriodBalance, account: Account) -> SealedLine:
    currency = CODES[account.currency]
    debited, credited = int(balance.debits_minor), int(balance.credits_minor)
    closing = int(balance.balance_minor)
    return SealedLine(
        account,
        opening=Money(closing - (debited - credited) * account.normal_side, currency),
        debits=Money(debited, currency),
        credits=Money(credited, currency),
        closing=Money(closing, currency),
    )
