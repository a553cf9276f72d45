"""The periods of a book: what is closed and by whom, what is still open, and what a closing sealed."""

from dataclasses import dataclass
from datetime import date, datetime

from pydantic import Field

from ledger.money import Money
from ledger.reports.trial_balance import Figures
from portal.forms import Form, Mistake
from portal.languages import msg
from portal.pages.staff.frame import Account, Staff


class ReopeningForm(Form):
    """Ask to reopen a period, with words that the second person will read."""

    reason: str = Field(min_length=10, max_length=2000)

    sentences = {
        "reason": {
            "missing": msg("Write why the period must be reopened"),
            "wrong": msg("Write it in 10 characters or more"),
        }
    }


@dataclass(frozen=True)
class ClosingRow:
    """One closing of a period; `url` is the trial balance that it sealed, `sha256` its hash."""

    url: str
    number: int
    at: datetime
    by: str
    sha256: str


@dataclass(frozen=True)
class PeriodRow:
    """A period; `state` is a word of WORDS["period_state"], `moves` are words of WORDS["period_move"].

    Only moves that the period takes now and that the reader may make are in `moves`, each with the
    address of its button.
    """

    first_day: date
    last_day: date
    state: str
    closings: tuple[ClosingRow, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Held:
    """How many holds are open in one currency, and what is left of them."""

    count: int
    rest: Money


@dataclass(frozen=True)
class StillOpen:
    """What has not come to an end: open holds, and clearing accounts that are not at zero."""

    held: tuple[Held, ...]
    clearing: tuple[tuple[Account, Money], ...]


@dataclass(frozen=True)
class NextPeriod:
    """The oldest period that is over and not closed, what is still open, and who closed it softly."""

    first_day: date
    last_day: date
    state: str
    open: StillOpen
    softly_by: str = ""
    softly_at: datetime | None = None


@dataclass(frozen=True)
class Reopening:
    """The latest closed period, and who asks to reopen it, if anybody does.

    `url` is where it is asked and approved; `may_ask` and `may_approve` are what the reader may do.
    """

    url: str
    first_day: date
    last_day: date
    asked_by: str = ""
    asked_at: datetime | None = None
    why: str = ""
    own: bool = False
    may_ask: bool = False
    may_approve: bool = False
    typed: str = ""


@dataclass(frozen=True)
class PeriodsPage:
    """`staff/periods.html`, newest period first; `others` are the other books, each a name and its page."""

    staff: Staff
    book: str
    trial_balance_url: str
    periods: tuple[PeriodRow, ...]
    next: NextPeriod | None = None
    reopening: Reopening | None = None
    others: tuple[tuple[str, str], ...] = ()
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class SealedSection:
    """One currency of a sealed trial balance."""

    currency: str
    rows: tuple[tuple[Account, Figures], ...]
    total: Figures


@dataclass(frozen=True)
class SealedPage:
    """`staff/period_closing.html`: what a closing sealed; `text_url` is the text that was hashed."""

    staff: Staff
    book: str
    back_url: str
    text_url: str
    first_day: date
    last_day: date
    closing: ClosingRow
    open: StillOpen
    sections: tuple[SealedSection, ...]
    reopened_by: str = ""
    reopened_why: str = ""
