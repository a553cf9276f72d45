"""Limits of accounts, dated, each with its source: set one, read their history.

The least that must stay available, the most a balance may be. With `most` an expense account is under
appropriation control: what is posted and what is held against it never pass the year's money.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Integer, Text, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Conflict, Refused
from foundation.history import record
from ledger.accounts import Account, find_account
from ledger.chart import CHART
from ledger.currencies import CODES
from ledger.money import CurrenciesDiffer, Money

MOST_MINOR = 4 * 10**18  # as far as a balance can go


class LimitsCross(Refused):
    """The most would be less than the least."""


class LimitOutOfRange(Refused):
    """No account can ever reach this limit."""


class LimitBelowChart(Refused):
    """The chart of accounts does not let this account fall that low."""


class LimitInThePast(Refused):
    """A limit begins now or later."""


class LimitSourceMissing(Refused):
    """Name the law or document that sets this limit."""


class LimitIdReused(Conflict):
    """This limit has been set already, and was another."""


class AccountLimit(Base):
    """A limit from a moment on, until a later one takes its place; None: no limit on that side."""

    __tablename__ = "account_limit"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "account"], ["ledger.account.org_id", "ledger.account.id"]),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    starts_at: Mapped[datetime]
    min_available: Mapped[int | None] = mapped_column(BigInteger)
    max_balance: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True)
class Limit:
    """From `starts_at` at least `least` stays available, and the balance is `most` at most.

    None: no limit on that side, but for what the chart asks of its line. `source` is the law or
    document that says so ("Budget Act 2027, annex 4").
    """

    starts_at: datetime
    least: Money | None
    most: Money | None
    source: str


def set_limit(
    session: Session, org_id: int, account: int, limit: Limit, *, id: UUID, by: object, at: datetime
) -> AccountLimit:
    """Set both limits of an account from a moment on; the latest that has begun is in force.

    What is there already stays: a limit refuses a movement towards it, so money beyond it can only
    recover, and what was held under the old limit can still be captured. Asking again with the same
    `id` changes nothing.

    Raises AccountNotFound, CurrenciesDiffer, LimitsCross, LimitOutOfRange, LimitBelowChart,
    LimitInThePast, LimitSourceMissing and LimitIdReused.
    """
    found = find_account(session, org_id, account)
    least, most = _figures(found, limit)
    row = session.get(AccountLimit, (org_id, account, id))
    if row is None:
        _check(limit, least, most, at)
        session.execute(
            text(
                "SELECT ledger.set_limit(:org, :account, :id, :starts_at, :least, :most, :source, :by)"
            ),
            {
                "org": org_id,
                "account": account,
                "id": id,
                "starts_at": limit.starts_at,
                "least": least,
                "most": most,
                "source": limit.source.strip(),
                "by": str(by),
            },
        )
        row = session.get_one(AccountLimit, (org_id, account, id))
        facts = {"limit": id, "starts_at": limit.starts_at, "source": row.source}
        facts |= {"least": limit.least, "most": limit.most}
        record(session, found, "limit_set", by=by, at=at, **facts)
    same = (limit.starts_at, least, most, limit.source.strip())
    if (row.starts_at, row.min_available, row.max_balance, row.source) != same:
        raise LimitIdReused(limit=id)
    return row


def limits_of(session: Session, org_id: int, account: int) -> Sequence[AccountLimit]:
    """Every limit that was ever set on an account, the latest first: planned, in force, replaced."""
    query = select(AccountLimit).where(
        AccountLimit.org_id == org_id, AccountLimit.account == account
    )
    return session.scalars(
        query.order_by(AccountLimit.starts_at.desc(), AccountLimit.id.desc())
    ).all()


def in_force(limits: Sequence[AccountLimit], at: datetime) -> AccountLimit | None:
    """The one of an account's limits, latest first, that is in force; None while the chart's is."""
    return next((limit for limit in limits if limit.starts_at <= at), None)


def _figures(account: Account, limit: Limit) -> tuple[int | None, int | None]:
    currency = CODES[account.currency]
    for money in (limit.least, limit.most):
        if money is not None and money.currency != currency:
            raise CurrenciesDiffer(left=currency, right=money.currency)
    line = CHART.get(account.number)
    floor = line.min_available if line else None
    least = floor if limit.least is None else limit.least.minor
    if floor is not None and least is not None and least < floor:
        raise LimitBelowChart(least=limit.least, chart=Money(floor, currency))
    return least, None if limit.most is None else limit.most.minor


def _check(limit: Limit, least: int | None, most: int | None, at: datetime) -> None:
    if least is not None and most is not None and most < least:
        raise LimitsCross(least=least, most=most)
    if any(abs(figure) > MOST_MINOR for figure in (least, most) if figure is not None):
        raise LimitOutOfRange(most=MOST_MINOR)
    if limit.starts_at < at:
        raise LimitInThePast(starts_at=limit.starts_at)
    if not limit.source.strip():
        raise LimitSourceMissing(field="source")
