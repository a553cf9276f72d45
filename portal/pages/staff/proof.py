"""Whether the books agree: the last proof, its rules, those before it, and the books that are shut."""

from dataclasses import dataclass
from datetime import date, datetime

from pydantic import Field

from foundation.clock import business_date
from portal.forms import Form, Mistake
from portal.languages import msg
from portal.pages.staff.frame import Staff


class OpeningForm(Form):
    """Ask that a shut book be opened, with words that others will read."""

    reason: str = Field(min_length=10, max_length=2000)

    sentences = {
        "reason": {
            "missing": msg("Write what was found and why the book can be opened"),
            "wrong": msg("Write it in 10 characters or more"),
        }
    }


@dataclass(frozen=True)
class RuleRow:
    """What one rule found: a word of WORDS["proof"], its figures, and the books with a difference."""

    name: str
    examined: int
    milliseconds: int
    holds: bool
    books: tuple[str, ...] = ()
    difference: str = ""


@dataclass(frozen=True)
class ProofRow:
    """One proof of all books; `broken` counts the rules that did not hold, `shut` the books it shut."""

    url: str
    at: datetime
    by: str
    rules: int
    broken: int
    examined: int
    milliseconds: int
    shut: int = 0

    @property
    def day(self) -> date:
        """The day in Tashkent on which it was made."""
        return business_date(self.at)


@dataclass(frozen=True)
class ShutRow:
    """A book that is shut, and whether somebody asks to open it; `url` is its own page."""

    url: str
    book: str
    shut_at: datetime
    why: str
    asked: bool = False


@dataclass(frozen=True)
class ProofPage:
    """`staff/proof.html`: `shown` with its `rules`, and the last ones, newest first."""

    staff: Staff
    shown: ProofRow | None
    lsn: str
    rules: tuple[RuleRow, ...]
    shut: tuple[ShutRow, ...]
    last: tuple[ProofRow, ...]
    keeps_books: bool = False


@dataclass(frozen=True)
class ShutBookPage:
    """`staff/proof_book.html`: why a book is shut, and what is needed to open it.

    `agrees` tells whether its last proof was made after the shutting and speaks for it. `asked_by` is
    empty while nobody has asked; `own` is True when the reader has.
    """

    staff: Staff
    book: str
    url: str
    shut_at: datetime
    shut_by: str
    why: str
    agrees: bool
    keeps_books: bool
    asked_by: str = ""
    asked_at: datetime | None = None
    asked_reason: str = ""
    own: bool = False
    reason: str = ""
    mistakes: tuple[Mistake, ...] = ()
