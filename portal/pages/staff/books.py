"""The books of one organisation: trial balance and general ledger over days, and an account's statement."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar
from urllib.parse import urlencode

from pydantic import BeforeValidator

from foundation.clock import TASHKENT
from ledger.money import Money
from ledger.reports.reading import Reading
from ledger.reports.trial_balance import Figures
from portal.forms import Form, Mistake
from portal.languages import msg
from portal.pages.staff.frame import Account, Staff

FIRST_YEAR, LAST_YEAR = 2000, 2199
LAST_BEFORE_FIRST = msg("The last day is before the first")


def day_of(typed: object) -> object:
    """A day as a browser sends it, None where there is none. Raises ValueError."""
    if not isinstance(typed, str) or not typed:
        return None
    day = date.fromisoformat(typed)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError("not a day of these books")
    return day


def moment_of(typed: object) -> object:
    """An instant as a browser sends it, on Tashkent's clock; None where there is none."""
    if not isinstance(typed, str) or not typed:
        return None
    at = datetime.fromisoformat(typed)
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError("not an instant of these books")
    return at if at.tzinfo else at.replace(tzinfo=TASHKENT)


class DaysForm(Form):
    """Which days a report is about, and as known when; what is left out is decided by the route."""

    first_day: Annotated[date | None, BeforeValidator(day_of)] = None
    last_day: Annotated[date | None, BeforeValidator(day_of)] = None
    known_at: Annotated[datetime | None, BeforeValidator(moment_of)] = None


@dataclass(frozen=True)
class DaysAsked:
    """The form's boxes as they stand on the page, and what is wrong with them."""

    FIELDS: ClassVar[tuple[str, ...]] = ("first_day", "last_day", "known_at")

    first_day: str = ""
    last_day: str = ""
    known_at: str = ""
    mistakes: tuple[Mistake, ...] = ()

    @property
    def query(self) -> str:
        """The same days for another address."""
        boxes = {name: getattr(self, name) for name in self.FIELDS}
        return urlencode({name: typed for name, typed in boxes.items() if typed})


@dataclass(frozen=True)
class BookFrame:
    """What the reports of a book share; `others` are the other books, each a name and its page."""

    staff: Staff
    org_id: int
    book: str
    asked: DaysAsked
    as_of: datetime
    reading: Reading | None = None
    others: tuple[tuple[str, str], ...] = ()

    def url(self, report: str, **more: object) -> str:
        """The address of a report of this book for the same days."""
        query = "&".join(part for part in (self.asked.query, urlencode(more)) if part)
        return f"/staff/books/{self.org_id}/{report}?{query}"


@dataclass(frozen=True)
class TrialRow:
    """An account, or the sum of a chart number's accounts; `url` leads to the account's entries."""

    number: str
    figures: Figures
    account: Account | None = None
    url: str = ""


@dataclass(frozen=True)
class TrialSection:
    """One currency of the book with its totals; in a sound book the two of each pair are equal."""

    currency: str
    rows: tuple[TrialRow, ...]
    total: Figures


@dataclass(frozen=True)
class TrialBalancePage:
    """`staff/trial_balance.html`."""

    frame: BookFrame
    sections: tuple[TrialSection, ...]

    @property
    def staff(self) -> Staff:
        """Who is signed in."""
        return self.frame.staff


@dataclass(frozen=True)
class LedgerEntry:
    """A movement by its day of effect; `kind` is a word of WORDS["journal_kind"], `url` its journal's."""

    url: str
    seq: int
    effective: date
    kind: str
    other: Account
    journal: str
    debit: Money | None
    credit: Money | None
    balance: Money


@dataclass(frozen=True)
class LedgerAccount:
    """The account whose entries are shown; balances are positive on the side where it grows."""

    id: int
    account: Account
    opening: Money
    debits: Money
    credits: Money
    closing: Money
    entries: tuple[LedgerEntry, ...]


@dataclass(frozen=True)
class GeneralLedgerPage:
    """`staff/general_ledger.html`: one account at a time, None in a book where there is nothing to say.

    `accounts` are those to choose from, each an id and a label; `before` and `after` lead to the pages
    of its neighbours, `later` to the entries that follow.
    """

    frame: BookFrame
    accounts: tuple[tuple[str, str], ...] = ()
    shown: LedgerAccount | None = None
    later: str | None = None
    before: str | None = None
    after: str | None = None

    @property
    def staff(self) -> Staff:
        """Who is signed in."""
        return self.frame.staff
