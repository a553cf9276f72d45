"""The trial balance over days: what stood before, moved in and stands after, account by account."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.accounts import Account
from ledger.currencies import CODES
from ledger.day_totals import Turnover, turnovers
from ledger.money import Money
from ledger.reports.reading import Days


@dataclass(frozen=True)
class Figures:
    """The six figures of a row. Whether an account grows on debit or credit does not matter here."""

    opening_debit: Money
    opening_credit: Money
    debits: Money
    credits: Money
    closing_debit: Money
    closing_credit: Money

    @classmethod
    def added(cls, rows: Iterable["Figures"], currency: str) -> "Figures":
        """The columns added up, each by itself."""
        sums = [0] * 6
        for row in rows:
            sums = [so_far + money.minor for so_far, money in zip(sums, row.columns, strict=True)]
        return cls(*(Money(minor, currency) for minor in sums))

    @property
    def columns(self) -> tuple[Money, ...]:
        """In the order in which accountants write them."""
        return (
            self.opening_debit,
            self.opening_credit,
            self.debits,
            self.credits,
            self.closing_debit,
            self.closing_credit,
        )

    @property
    def balanced(self) -> bool:
        """Whether debits equal credits before, in and after the days; of a whole book they do."""
        return self.columns[0::2] == self.columns[1::2]


@dataclass(frozen=True)
class AccountTurnover:
    """One account over the days."""

    account: Account
    turned: Turnover

    @property
    def currency(self) -> str:
        """The account's."""
        return CODES[self.account.currency]

    @property
    def debits(self) -> Money:
        """The debit turnover."""
        return Money(self.turned.debits_minor, self.currency)

    @property
    def credits(self) -> Money:
        """The credit turnover."""
        return Money(self.turned.credits_minor, self.currency)

    @property
    def opening(self) -> Money:
        """What stood before the first day, positive on the side where the account grows."""
        return Money(self.turned.opening_minor * self.account.normal_side, self.currency)

    @property
    def closing(self) -> Money:
        """What stands after the last day, positive on the side where the account grows."""
        return Money(self.turned.closing_minor * self.account.normal_side, self.currency)

    @property
    def figures(self) -> Figures:
        """As a trial balance shows it: a balance on the wrong side of an account stands where it is."""
        opening, closing = self.turned.opening_minor, self.turned.closing_minor
        minors = (
            *(max(opening, 0), max(-opening, 0)),
            *(self.turned.debits_minor, self.turned.credits_minor),
            *(max(closing, 0), max(-closing, 0)),
        )
        return Figures(*(Money(minor, self.currency) for minor in minors))


@dataclass(frozen=True)
class ChartTotal:
    """The accounts of one chart number, and what they come to."""

    number: str
    accounts: tuple[AccountTurnover, ...]
    total: Figures


@dataclass(frozen=True)
class TrialBalance:
    """One currency of a book, by chart number, and what it comes to."""

    currency: str
    numbers: tuple[ChartTotal, ...]
    total: Figures


def trial_balance(session: Session, org_id: int, days: Days) -> list[TrialBalance]:
    """The trial balance of a book, a part for each currency; accounts with nothing to say stay out."""
    parts = []
    for currency, of_currency in groupby(
        account_turnovers(session, org_id, days), lambda one: one.currency
    ):
        numbers = []
        for number, accounts in groupby(of_currency, lambda one: one.account.number):
            found = tuple(accounts)
            total = Figures.added((one.figures for one in found), currency)
            numbers.append(ChartTotal(number, found, total))
        total = Figures.added((one.total for one in numbers), currency)
        parts.append(TrialBalance(currency, tuple(numbers), total))
    return parts


def account_turnovers(session: Session, org_id: int, days: Days) -> list[AccountTurnover]:
    """Each account with a balance before the days or an entry in them, by currency, number and name."""
    turned = turnovers(session, org_id, since=days.first, through=days.last, known_at=days.known_at)
    accounts = session.scalars(
        select(Account)
        .where(Account.org_id == org_id)
        .order_by(Account.currency, Account.number, Account.name)
    )
    found = [AccountTurnover(one, turned[one.id]) for one in accounts]
    return [one for one in found if one.turned.opening_minor or one.turned.entries]


def turnover_of(session: Session, account: Account, days: Days) -> AccountTurnover:
    """One account over the days, also when there is nothing to say of it."""
    turned = turnovers(
        session,
        account.org_id,
        account.id,
        since=days.first,
        through=days.last,
        known_at=days.known_at,
    )
    return AccountTurnover(account, turned[account.id])
