"""Exchange rates: keep one with its source, find the official one of a day, convert by one."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Conflict, NotFound, Refused
from ledger.currencies import CODES
from ledger.money import CurrenciesDiffer, Money, exponent_of, numeric_code
from ledger.rounding import half_up

HOME = "UZS"  # the books' own currency, in which everything is valued
OLDEST_RATE_DAYS = 10  # over holidays the last rate stands; an older one was forgotten
MOST_UNITS, MOST_RATE = 10**9, 10**12
PLACES = 10  # decimals of a rate


class RateNotFound(NotFound):
    """There is no exchange rate for this."""


class RateMalformed(Refused):
    """This is not an exchange rate between two currencies."""


class RateContradicted(Conflict):
    """Another rate is kept for this day already."""


class ExchangeRate(Base):
    """`rate` units of `quote` are `units` units of `base` on a day, and who says so.

    The official rates are those of the central bank for one currency in the books' own; the books
    value by them. The others are those of single deals. A rate is never changed: a correction is a
    rate of its own, with its source.
    """

    __tablename__ = "exchange_rate"
    __table_args__ = (
        UniqueConstraint("base", "quote", "day", "source"),
        CheckConstraint(
            "base <> quote and units > 0 and rate > 0 and rate < 1000000000000", name="sound"
        ),
        Index(
            "exchange_rate_official_idx",
            "base",
            "quote",
            "day",
            unique=True,
            postgresql_where=text("official"),
        ),
        {"schema": "ledger"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    base: Mapped[int] = mapped_column(SmallInteger)
    quote: Mapped[int] = mapped_column(SmallInteger)
    day: Mapped[date]
    units: Mapped[int] = mapped_column(Integer)
    rate: Mapped[Decimal] = mapped_column(Numeric)
    official: Mapped[bool]
    source: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(Text)

    def value(self, amount: Money) -> Money:
        """An amount of the base currency in the quote currency, half up to its minor unit.

        Raises CurrenciesDiffer.
        """
        base, quote = CODES[self.base], CODES[self.quote]
        if amount.currency != base:
            raise CurrenciesDiffer(left=amount.currency, right=base)
        scale = Fraction(10 ** exponent_of(quote), self.units * 10 ** exponent_of(base))
        return Money(half_up(amount.minor * Fraction(self.rate) * scale), quote)


@dataclass(frozen=True)
class Quoted:
    """A rate as its source tells it: 10 `base` are 3.42 `quote` on this day."""

    base: str
    quote: str
    day: date
    rate: Decimal
    units: int = 1
    official: bool = False


def keep_rate(
    session: Session, quoted: Quoted, *, id: UUID, source: str, by: object
) -> ExchangeRate:
    """Write a rate down with its source ("CBU, 20 November 2026"). The same again changes nothing.

    Raises RateMalformed, CurrencyUnknown and RateContradicted.
    """
    base, quote = numeric_code(quoted.base), numeric_code(quoted.quote)
    _check(quoted, source)
    kept = session.execute(
        text(
            "SELECT ledger.keep_rate(:id, CAST(:base AS smallint), CAST(:quote AS smallint), :day,"
            " :units, :rate, :official, :source, :by)"
        ),
        {
            "id": id,
            "base": base,
            "quote": quote,
            "day": quoted.day,
            "units": quoted.units,
            "rate": quoted.rate,
            "official": quoted.official,
            "source": source.strip(),
            "by": str(by),
        },
    ).scalar_one()
    if not kept:
        raise RateContradicted(base=quoted.base, quote=quoted.quote, day=quoted.day)
    return session.get_one(ExchangeRate, id)


def find_rate(session: Session, rate: UUID) -> ExchangeRate:
    """One rate. Raises RateNotFound."""
    found = session.get(ExchangeRate, rate)
    if found is None:
        raise RateNotFound(rate=rate)
    return found


def official_rate(session: Session, currency: str, day: date) -> ExchangeRate:
    """The official rate of a currency in the books' own that is in force on a day.

    The last one that was set, ten days before at most. Raises RateNotFound.
    """
    query = (
        select(ExchangeRate)
        .where(
            ExchangeRate.official,
            ExchangeRate.base == numeric_code(currency),
            ExchangeRate.quote == numeric_code(HOME),
            ExchangeRate.day.between(day - timedelta(days=OLDEST_RATE_DAYS), day),
        )
        .order_by(ExchangeRate.day.desc())
        .limit(1)
    )
    found = session.scalars(query).one_or_none()
    if found is None:
        raise RateNotFound(currency=currency, day=day)
    return found


def _check(quoted: Quoted, source: str) -> None:
    exponent = quoted.rate.as_tuple().exponent
    sound = (
        quoted.base != quoted.quote
        and 0 < quoted.units <= MOST_UNITS
        and isinstance(exponent, int)  # neither NaN nor infinite
        and 0 < quoted.rate < MOST_RATE
        and exponent >= -PLACES
        and (quoted.quote == HOME or not quoted.official)
        and source.strip()
    )
    if not sound:
        raise RateMalformed(base=quoted.base, quote=quoted.quote, rate=quoted.rate)
