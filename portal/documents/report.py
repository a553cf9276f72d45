"""A report as a value, before any format: its words, its columns, its rows in sections.

Its words come translated from who makes it. A cell is its own kind: text, a day, an instant, money,
an exact number or a count; None is an empty cell. Whatever a person typed is hostile until `plain`.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from ledger.money import Money
from portal.languages import Language

Cell = str | date | datetime | Money | Decimal | int | None
Row = Sequence[Cell]

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
ELLIPSIS = "…"
GAPS = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # hold the digits of a sum together


@dataclass(frozen=True)
class Column:
    """A column's head; `figures` stand to the right. Money shows no currency: the head names it."""

    heading: str
    figures: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a report, such as one account: what stood before its rows, and what they come to."""

    heading: str = ""
    rows: Iterable[Row] = ()
    totals: Row | None = None
    opening: Row | None = None


@dataclass(frozen=True)
class Report:
    """What stands in the file. Sections and rows may be generators: they are read once.

    `at` is when it was made: it stands in the file's properties, so the same report is the same
    bytes. `section_heading` says what a section is ("Account"): CSV, which has no headings between
    its rows, then begins each row with its section.
    """

    title: str
    language: Language
    at: datetime
    columns: Sequence[Column]
    sections: Iterable[Section]
    subtitles: Sequence[str] = ()
    section_heading: str = ""
    notes: Sequence[str] = ()

    def checked(self, row: Row) -> Row:
        """The row, once it has a cell for each column."""
        if len(row) != len(self.columns):
            raise ValueError(f"{len(row)} cells for {len(self.columns)} columns")
        return row


def plain(text: str) -> str:
    """The text on one line, without what cannot be seen or would turn the text around it.

    Controls, private and unassigned characters and halves of a surrogate pair become U+FFFD; format
    characters (direction, joiners, soft hyphens) go.
    """
    if text.isprintable():
        return text
    return "".join(map(_plain_character, text))


def shortened(text: str, most: int) -> str:
    """At most so many characters, and a sign that there were more."""
    return text if len(text) <= most else text[: most - 1] + ELLIPSIS


def _plain_character(character: str) -> str:
    kind = unicodedata.category(character)
    if character.isspace():
        return character if character in GAPS else " "
    if kind == "Cf":
        return ""
    return UNREADABLE if kind in {"Cc", "Cn", "Co", "Cs"} else character
