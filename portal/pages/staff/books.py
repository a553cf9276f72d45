"""The books of one organisation: its trial balance, and the statement of an account."""

from dataclasses import dataclass
from datetime import date, datetime

from ledger.money import Money
from portal.pages.staff.frame import ONE_PAGE, Account, Pages, Staff


@dataclass(frozen=True)
class TrialRow:
    """An account's turnovers and its balance on the side where it stands."""

    account: Account
    debits: Money
    credits: Money
    debit_balance: Money | None
    credit_balance: Money | None


@dataclass(frozen=True)
class TrialSection:
    """One currency of the book with its totals; in a sound book the two of each pair are equal."""

    currency: str
    rows: tuple[TrialRow, ...]
    debits: Money
    credits: Money
    debit_balance: Money
    credit_balance: Money

    @property
    def balanced(self) -> bool:
        """Whether debits equal credits, in turnovers and in balances."""
        return self.debits == self.credits and self.debit_balance == self.credit_balance


@dataclass(frozen=True)
class TrialBalancePage:
    """`staff/trial_balance.html`; `others` are the other books, each a name and its page."""

    staff: Staff
    book: str
    as_of: datetime
    sections: tuple[TrialSection, ...]
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AccountEntry:
    """A movement and the balance it left; `kind` is a word of WORDS["journal_kind"]."""

    seq: int
    effective: date
    kind: str
    other: Account
    debit: Money | None
    credit: Money | None
    balance: Money


@dataclass(frozen=True)
class AccountPage:
    """`staff/account.html`: newest first; `side` is debit or credit, where the account grows."""

    staff: Staff
    book: str
    book_url: str
    account: Account
    side: str
    balance: Money
    entries: tuple[AccountEntry, ...]
    pages: Pages = ONE_PAGE
