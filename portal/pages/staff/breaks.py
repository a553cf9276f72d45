"""Differences between our books, the provider and the bank, and how a person resolves one."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from ledger.money import Money
from portal.forms import Form, Mistake
from portal.languages import msg
from portal.pages.staff.frame import ONE_PAGE, Pages, Staff


class ResolutionForm(Form):
    """Close a difference with words that others will read."""

    resolution: str = Field(min_length=10, max_length=2000)

    sentences = {
        "resolution": {
            "missing": msg("Write what you found and what was done"),
            "wrong": msg("Write it in 10 characters or more"),
        }
    }


@dataclass(frozen=True)
class BreakRow:
    """One difference in the list; `type` and `state` are words of WORDS."""

    url: str
    type: str
    state: str
    subject: str
    amount: Money
    opened_at: datetime
    age_days: int


@dataclass(frozen=True)
class BreaksPage:
    """`staff/breaks.html`: a filtered list; `total` counts the differences without the filter."""

    staff: Staff
    rows: tuple[BreakRow, ...]
    total: int
    types: tuple[str, ...]
    type: str = ""
    state: str = "open"
    pages: Pages = ONE_PAGE


@dataclass(frozen=True)
class Fact:
    """One fact of a difference: a word of WORDS["fact"], its value, and where to look closer."""

    name: str
    value: str | Money | datetime
    url: str | None = None


@dataclass(frozen=True)
class Note:
    """A step in the life of a difference; `what` is a word of WORDS["break_event"]."""

    what: str
    by: str
    at: datetime
    text: str = ""


@dataclass(frozen=True)
class BreakPage:
    """`staff/break.html`: one difference, its facts and its story."""

    staff: Staff
    url: str
    type: str
    state: str
    opened_at: datetime
    facts: tuple[Fact, ...]
    notes: tuple[Note, ...] = ()
    can_resolve: bool = True
    resolution: str = ""
    mistakes: tuple[Mistake, ...] = ()
