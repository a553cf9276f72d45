"""What accounts had on a past day, as it was known at a past instant: totals a day, read as of both.

A transfer has two times: `effective`, the day that it is booked on, and `posted_at`, the instant when it
was written down. Nothing is rewritten when an entry comes late; both questions stay answerable for ever.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, Integer, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from ledger.accounts import find_account
from ledger.currencies import CODES
from ledger.money import Money


class DayTotal(Base):
    """What an account's sealed entries of one day sum to, kept apart for every 512 entries of the account.

    What is not sealed yet is in no total: it is read from the transfers (`ledger.unfolded`).
    """

    __tablename__ = "day_total"
    __table_args__ = {"schema": "ledger", "postgresql_with": {"fillfactor": 80}}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    effective: Mapped[date] = mapped_column(primary_key=True)
    stretch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    entries: Mapped[int] = mapped_column(Integer)
    debits_minor: Mapped[int] = mapped_column(BigInteger)
    credits_minor: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True)
class Turnover:
    """An account over days, in minor units; what stood before them is debit less credit."""

    opening_minor: int
    debits_minor: int
    credits_minor: int
    entries: int

    @property
    def closing_minor(self) -> int:
        """What stands after the days: debit less credit."""
        return self.opening_minor + self.debits_minor - self.credits_minor


NOTHING = Turnover(0, 0, 0, 0)


def balance_as_of(
    session: Session, org_id: int, account: int, day: date, *, known_at: datetime | None = None
) -> Money:
    """The balance after `day`, on the account's normal side; as known at an instant, or as known now.

    The cost grows with the account's days up to this one, not with what came later. An instant of the
    last few seconds may still gain an entry: a posting bears the time of its writing, not of its commit.
    Raises AccountNotFound.
    """
    found = find_account(session, org_id, account)
    turned = turnovers(session, org_id, account, through=day, known_at=known_at)[account]
    return Money(turned.closing_minor * found.normal_side, CODES[found.currency])


def turnovers(
    session: Session,
    org_id: int,
    account: int | None = None,
    *,
    since: date | None = None,
    through: date | None = None,
    known_at: datetime | None = None,
) -> dict[int, Turnover]:
    """What turned over from day to day, both included, by the account's id: of one account or of all."""
    rows = session.execute(
        text(
            "SELECT * FROM ledger.turnovers(:org, CAST(:accounts AS bigint[]), :since, :through, :known)"
        ),
        {
            "org": org_id,
            "accounts": None if account is None else [account],
            "since": since,
            "through": through,
            "known": known_at,
        },
    )
    # Whole numbers of any size: what turns over is not bounded as a balance is.
    return {
        row.account: Turnover(int(row.opening), int(row.debits), int(row.credits), row.entries)
        for row in rows
    }
