"""Exchange one currency for another, and revalue what is held of a currency at a day's rate.

Each currency balances in itself. What the books own of a foreign currency stands against 2910, the
position, in that currency; what it was worth stands on 1920, its counter value, in the books' own. A
deal changes both at the official rate; what the deal's own rate differs by is realised at once. A
revaluation brings the counter value to position times rate. Source: docs/accounting.md#currencies.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Integer, SmallInteger, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Refused
from ledger.accounts import Account, AccountKey, account_ids, lock_accounts
from ledger.chart import COUNTER_VALUE, EXCHANGE_GAINS, EXCHANGE_LOSSES, POSITION, JournalKind
from ledger.journals import Journal, Outcome, Posting, Transfer, journal_key
from ledger.money import Money, numeric_code
from ledger.posting import NotPosted, post_all
from ledger.rates import HOME, ExchangeRate, find_rate, official_rate

SOURCE, REVALUATION = "exchange", "revaluation"
REALISED, UNREALISED = "realised", "unrealised"


class RateForOthers(Refused):
    """This rate is not one between the two currencies of the accounts."""


class NothingExchanged(Refused):
    """This amount is too small to be anything in the other currency."""


class ExchangeRow(Base):
    """What a journal exchanged: the deal's rate, and the official ones that both sides are valued at."""

    __tablename__ = "exchange"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    rate: Mapped[UUID]
    sold_currency: Mapped[int] = mapped_column(SmallInteger)
    sold_minor: Mapped[int] = mapped_column(BigInteger)
    sold_official: Mapped[UUID | None]
    bought_currency: Mapped[int] = mapped_column(SmallInteger)
    bought_minor: Mapped[int] = mapped_column(BigInteger)
    bought_official: Mapped[UUID | None]


class Revaluation(Base):
    """A position as it stood when it was revalued (by its sequence), the rate, and the value since."""

    __tablename__ = "revaluation"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    rate: Mapped[UUID]
    currency: Mapped[int] = mapped_column(SmallInteger)
    position_minor: Mapped[int] = mapped_column(BigInteger)
    position_seq: Mapped[int] = mapped_column(BigInteger)
    value_minor: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True)
class Deal:
    """`amount` of the base currency of `rate` is exchanged, from account `give` into account `take`."""

    give: AccountKey
    take: AccountKey
    amount: Money
    rate: UUID


@dataclass(frozen=True)
class Valued:
    """One side of a deal: the amount, its value in the books' own currency, and by which rate."""

    amount: Money
    value: Money
    official: UUID | None


def exchange(
    session: Session, org_id: int, deal: Deal, *, key: str, effective: date, by: object
) -> Posting:
    """Post a deal as one journal through position and counter value; each currency balances in itself.

    The other side of the deal is `amount` times the deal's rate, half up to the minor unit. Asking
    again with the same `key` gives the first answer.

    Raises RateNotFound (also when the day has no official rate), RateForOthers, NothingExchanged,
    CurrenciesDiffer and NotPosted. Source: docs/accounting.md#currencies.
    """
    rate = find_rate(session, deal.rate)
    other = rate.value(deal.amount)
    selling = deal.give.currency == deal.amount.currency
    sold, bought = (deal.amount, other) if selling else (other, deal.amount)
    if (sold.currency, bought.currency) != (deal.give.currency, deal.take.currency):
        raise RateForOthers(give=deal.give.currency, take=deal.take.currency)
    if not other.minor:
        raise NothingExchanged(amount=deal.amount)

    # A deal asked for again is valued as it was, whatever rates have come since.
    known = session.get(ExchangeRow, (org_id, journal_key(SOURCE, key)))
    if known is not None and known.rate != rate.id:
        raise NotPosted(journal=key, outcome=Outcome.KEY_REUSED.name)
    given = _valued(session, sold, effective, known.sold_official if known else None)
    taken = _valued(session, bought, effective, known.bought_official if known else None)
    doc = {
        "rate": str(rate.id),
        "quoted": f"{rate.rate} per {rate.units}",
        "quoted_by": rate.source,
    }
    doc |= {"sold": str(sold), "bought": str(bought), "rounding": "half up", "by": str(by)}
    lines = exchange_lines(deal, given, taken)
    kind = JournalKind.CURRENCY_EXCHANGED
    posting = post_all(session, [Journal(org_id, SOURCE, key, kind, effective, lines, doc)])[0]
    _keep_exchange(session, org_id, posting.journal, rate, given, taken)
    return posting


def exchange_lines(deal: Deal, given: Valued, taken: Valued) -> list[Transfer]:
    """The lines of a deal; what both values differ by is a realised gain or loss."""
    lines = []
    debit, credit = deal.take, deal.give  # in the books' own currency
    if given.official:
        lines.append(Transfer(position(given.amount.currency), deal.give, given.amount))
        credit = counter_value(given.amount.currency)
    if taken.official:
        lines.append(Transfer(deal.take, position(taken.amount.currency), taken.amount))
        debit = counter_value(taken.amount.currency)
    same = min(given.value, taken.value)
    lines.append(Transfer(debit, credit, same))
    lines.append(Transfer(debit, gains(REALISED), taken.value - same))
    lines.append(Transfer(losses(REALISED), credit, given.value - same))
    return [line for line in lines if line.amount.minor]


def revalue(
    session: Session, org_id: int, currency: str, *, day: date, by: object
) -> Posting | None:
    """Bring the counter value of a currency to position times the official rate of the day.

    The difference is an unrealised gain or loss, as nothing was exchanged. None when there is none.

    Raises RateNotFound and NotPosted. Source: docs/accounting.md#currencies.
    """
    rate = official_rate(session, currency, day)
    keys = position(currency), counter_value(currency), gains(UNREALISED), losses(UNREALISED)
    ids = account_ids(session, org_id, keys)
    now = {account.id: account for account in lock_accounts(session, org_id, ids.values())}
    held, worth = now[ids[keys[0]]], now[ids[keys[1]]]
    value = rate.value(held.balance)
    difference = value - worth.balance
    if not difference.minor:
        return None
    line = Transfer(keys[1], keys[2], difference)
    if difference.minor < 0:
        line = Transfer(keys[3], keys[1], Money(-difference.minor, HOME))
    # The same position at the same rate is revalued once, however often it is asked for.
    key = f"{currency}:{rate.id}:{held.seq}:{worth.seq}"
    doc = {"rate": str(rate.id), "position": str(held.balance), "value": str(value), "by": str(by)}
    asked = Journal(org_id, REVALUATION, key, JournalKind.CURRENCY_REVALUED, day, [line], doc)
    posting = post_all(session, [asked])[0]
    _keep_revaluation(session, posting.journal, rate, held, value)
    return posting


def position(currency: str) -> AccountKey:
    """2910: what the books own of a currency, in it; below zero, what they owe."""
    return AccountKey(POSITION, "", currency)


def counter_value(currency: str) -> AccountKey:
    """1920: what the position of a currency is worth in the books' own."""
    return AccountKey(COUNTER_VALUE, currency, HOME)


def gains(kind: str) -> AccountKey:
    """4910: exchange differences in our favour."""
    return AccountKey(EXCHANGE_GAINS, kind, HOME)


def losses(kind: str) -> AccountKey:
    """5910: exchange differences against us."""
    return AccountKey(EXCHANGE_LOSSES, kind, HOME)


def _valued(session: Session, amount: Money, day: date, known: UUID | None) -> Valued:
    if amount.currency == HOME:
        return Valued(amount, amount, None)
    by = find_rate(session, known) if known else official_rate(session, amount.currency, day)
    return Valued(amount, by.value(amount), by.id)


def _keep_exchange(
    session: Session, org_id: int, journal: UUID, rate: ExchangeRate, given: Valued, taken: Valued
) -> None:
    session.execute(
        text(
            "SELECT ledger.keep_exchange(:org, :journal, :rate, CAST(:sold AS smallint), :sold_minor,"
            " :sold_official, CAST(:bought AS smallint), :bought_minor, :bought_official)"
        ),
        {
            "org": org_id,
            "journal": journal,
            "rate": rate.id,
            "sold": numeric_code(given.amount.currency),
            "sold_minor": given.amount.minor,
            "sold_official": given.official,
            "bought": numeric_code(taken.amount.currency),
            "bought_minor": taken.amount.minor,
            "bought_official": taken.official,
        },
    )


def _keep_revaluation(
    session: Session, journal: UUID, rate: ExchangeRate, held: Account, value: Money
) -> None:
    session.execute(
        text(
            "SELECT ledger.keep_revaluation(:org, :journal, :rate, CAST(:currency AS smallint),"
            " :position, :seq, :value)"
        ),
        {
            "org": held.org_id,
            "journal": journal,
            "rate": rate.id,
            "currency": held.currency,
            "position": held.posted,
            "seq": held.seq,
            "value": value.minor,
        },
    )
