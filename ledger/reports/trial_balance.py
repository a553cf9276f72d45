"""The trial balance over days: what stood before, moved in and stands after, account by account."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import ARRAY, BigInteger, any_, literal, select
from sqlalchemy.orm import Session

from ledger.accounts import Account
from ledger.currencies import CODES
from ledger.money import Money
from ledger.reports.reading import Days, rows_of


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
class Turnover:
    """One account over the days, in minor units; the opening balance is debit less credit."""

    account: Account
    opening_minor: int
    debits_minor: int
    credits_minor: int
    entries: int

    @property
    def currency(self) -> str:
        """The account's."""
        return CODES[self.account.currency]

    @property
    def debits(self) -> Money:
        """The debit turnover."""
        return Money(self.debits_minor, self.currency)

    @property
    def credits(self) -> Money:
        """The credit turnover."""
        return Money(self.credits_minor, self.currency)

    @property
    def opening(self) -> Money:
        """What stood before the first day, positive on the side where the account grows."""
        return Money(self.opening_minor * self.account.normal_side, self.currency)

    @property
    def closing(self) -> Money:
        """What stands after the last day, positive on the side where the account grows."""
        return Money(self.closing_minor * self.account.normal_side, self.currency)

    @property
    def closing_minor(self) -> int:
        """Debit less credit."""
        return self.opening_minor + self.debits_minor - self.credits_minor

    @property
    def figures(self) -> Figures:
        """As a trial balance shows it: a balance on the wrong side of an account stands where it is."""
        minors = (
            *(max(self.opening_minor, 0), max(-self.opening_minor, 0)),
            *(self.debits_minor, self.credits_minor),
            *(max(self.closing_minor, 0), max(-self.closing_minor, 0)),
        )
        return Figures(*(Money(minor, self.currency) for minor in minors))


@dataclass(frozen=True)
class ChartTotal:
    """The accounts of one chart number, and what they come to."""

    number: str
    accounts: tuple[Turnover, ...]
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
        turnovers(session, org_id, days), lambda one: one.currency
    ):
        numbers = []
        for number, accounts in groupby(of_currency, lambda one: one.account.number):
            found = tuple(accounts)
            total = Figures.added((one.figures for one in found), currency)
            numbers.append(ChartTotal(number, found, total))
        total = Figures.added((one.total for one in numbers), currency)
        parts.append(TrialBalance(currency, tuple(numbers), total))
    return parts


def turnovers(
    session: Session, org_id: int, days: Days, account: int | None = None
) -> list[Turnover]:
    """Each account with a balance before the days or an entry in them, by currency, number and name."""
    rows = rows_of(session, TURNOVERS, {**days.asked(org_id), "account": account})
    # Whole numbers of any size: what turns over is not bounded as a balance is.
    found = {
        row.account: (int(row.opening), int(row.debits), int(row.credits), row.entries)
        for row in rows
    }
    accounts = session.scalars(
        select(Account)
        .where(
            Account.org_id == org_id, Account.id == any_(literal(list(found), ARRAY(BigInteger)))
        )
        .order_by(Account.currency, Account.number, Account.name)
    )
    return [Turnover(one, *found[one.id]) for one in accounts]


def turnover_of(session: Session, account: Account, days: Days) -> Turnover:
    """One account over the days, also when there is nothing to say of it."""
    found = turnovers(session, account.org_id, days, account.id)
    return found[0] if found else Turnover(account, 0, 0, 0, 0)


TURNOVERS = """
SELECT account, coalesce(sum(debit_minor - credit_minor) FILTER (WHERE effective < :first), 0) AS opening,
       coalesce(sum(debit_minor) FILTER (WHERE effective >= :first), 0) AS debits,
       coalesce(sum(credit_minor) FILTER (WHERE effective >= :first), 0) AS credits,
       count(*) FILTER (WHERE effective >= :first) AS entries
  FROM ledger.entry
 WHERE org_id = :org AND effective <= :last
   AND posted_at <= coalesce(CAST(:known_at AS timestamptz), 'infinity')
   AND (CAST(:account AS bigint) IS NULL OR account = :account)
 GROUP BY account
HAVING sum(debit_minor - credit_minor) FILTER (WHERE effective < :first) <> 0
    OR count(*) FILTER (WHERE effective >= :first) > 0
"""
