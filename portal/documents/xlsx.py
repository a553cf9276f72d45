"""Write a report as XLSX: real numbers and dates on one sheet, however many rows, ready to print.

One sheet, because a general ledger has hundreds of accounts and nobody leafs through hundreds of
sheets; the head stays in sight and is printed on each page.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import IO, Any

from xlsxwriter import Workbook
from xlsxwriter.utility import xl_range

from foundation.errors import Refused
from ledger.money import Money, exponent_of
from portal.documents.report import Cell, Report, Row, plain, shortened
from portal.formats import in_tashkent
from portal.languages import Language

MOST_ROWS = 1_048_576  # of a sheet, in every program that opens one
MOST_CHARACTERS = 16_383  # of a cell: half of Excel's 32,767, as a rare character counts as two
# A cell's number is an IEEE double, and Excel shows 15 digits of it. Whatever has more (money from
# 10^15 minor units, well below 2^53) is written as text: unsummed, but never silently rounded.
MOST_DIGITS = 15
GENERAL, TEXT = "General", "@"  # number formats
FIRST_YEAR = 1900  # Excel's calendar begins here; an earlier day is written as text

A4 = 9
MOST_PORTRAIT_COLUMNS = 6
WIDEST, NARROWEST = 60, 8
INK, SOFT, TINT = "#16232B", "#4B5B66", "#F2F6F7"
STYLES: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 16},
    "line": {"font_color": SOFT},
    "head": {"bold": True, "bg_color": TINT, "bottom": 2, "text_wrap": True, "valign": "bottom"},
    "section": {"bold": True, "bg_color": TINT},
    "opening": {"valign": "top", "text_wrap": True, "bold": True},
    "row": {"valign": "top", "text_wrap": True},
    "totals": {"valign": "top", "text_wrap": True, "bold": True, "top": 1, "bottom": 6},
}


class TooLongForXlsx(Refused):
    """This report has more rows than a sheet can hold. Take it as CSV."""


def as_xlsx(report: Report, file: IO[bytes]) -> None:
    """Write the report into this file; memory stays flat, as rows pass through a temporary file.

    No cell is ever a formula or a link. Raises TooLongForXlsx.
    """
    with Workbook(file, {"constant_memory": True}) as book:
        book.set_properties({"title": plain(report.title), "created": report.at.astimezone(UTC)})
        sheet = Sheet(book, report)
        sheet.head()
        for section in report.sections:
            if section.heading:
                sheet.write([section.heading] + [None] * (len(report.columns) - 1), "section")
            if section.opening is not None:
                sheet.write(report.checked(section.opening), "opening")
            for row in section.rows:
                sheet.write(report.checked(row), "row")
            if section.totals is not None:
                sheet.write(report.checked(section.totals), "totals")
        sheet.foot()


def value_of(cell: Cell, language: Language) -> tuple[str | date | Decimal | None, str]:
    """What stands in the cell, and the pattern that shows it."""
    match cell:
        case None:
            return None, GENERAL
        case str():
            return shortened(plain(cell), MOST_CHARACTERS), TEXT
        case Money():
            return _figure(cell.decimal, exponent_of(cell.currency))
        case Decimal():
            return _figure(cell, len(f"{cell:f}".partition(".")[2]))
        case int():
            return _figure(Decimal(cell), 0)
    if cell.year < FIRST_YEAR:
        return cell.isoformat(), TEXT
    pattern = "yyyy-mm-dd" if language is Language.EN else "dd.mm.yyyy"
    if isinstance(cell, datetime):
        return in_tashkent(cell).replace(tzinfo=None), f"{pattern} hh:mm"
    return cell, pattern


def _figure(figure: Decimal, places: int) -> tuple[str | Decimal, str]:
    if len(figure.as_tuple().digits) > MOST_DIGITS:
        return f"{figure:f}", TEXT
    return figure, "#,##0" + "." * bool(places) + "0" * places


@dataclass
class Sheet:
    """The sheet as it grows: where the next row goes, the styles in use, how wide columns are."""

    book: Workbook
    report: Report
    row: int = 0
    styles: dict[tuple[str, bool, str], Any] = field(default_factory=dict)
    widths: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sheet = self.book.add_worksheet()
        self.widths = [NARROWEST] * len(self.report.columns)

    def head(self) -> None:
        """The title, what it is about, and the columns' heads, which stay in sight."""
        self.lines([self.report.title], "title")
        self.lines(self.report.subtitles, "line")
        self.row += 1
        self.sheet.repeat_rows(self.row)
        self.write([column.heading for column in self.report.columns], "head")
        self.sheet.freeze_panes(self.row, 0)

    def foot(self) -> None:
        """The notes; then the widths that the rows turned out to need, and the paper."""
        self.row += 1
        self.lines(self.report.notes, "line")
        for index, width in enumerate(self.widths):
            self.sheet.set_column(index, index, min(width + 2, WIDEST))
        if len(self.report.columns) > MOST_PORTRAIT_COLUMNS:
            self.sheet.set_landscape()
        self.sheet.ignore_errors({"number_stored_as_text": self.codes()})
        self.sheet.set_paper(A4)
        self.sheet.fit_to_pages(1, 0)
        self.sheet.hide_gridlines(1)
        self.sheet.set_footer("&R&P / &N")

    def codes(self) -> str:
        """Where digits are a code, such as an account's number: Excel need not doubt each of them."""
        texts = [index for index, column in enumerate(self.report.columns) if not column.figures]
        return " ".join(xl_range(0, index, MOST_ROWS - 1, index) for index in texts)

    def lines(self, lines: Iterable[str], style: str) -> None:
        """Lines of text in the first column, which may run over the columns beside it."""
        for line in lines:
            text, pattern = value_of(line, self.report.language)
            self.sheet.write_string(self.row, 0, text, self.style(style, pattern))
            self.advance()

    def write(self, cells: Row, style: str) -> None:
        """The next row."""
        for index, (cell, column) in enumerate(zip(cells, self.report.columns, strict=True)):
            self.cell(index, cell, style, figures=column.figures)
        self.advance()

    def advance(self) -> None:
        """Go to the next row. XlsxWriter says nothing when it drops a row past the last."""
        self.row += 1
        if self.row > MOST_ROWS:
            raise TooLongForXlsx(rows=self.row)

    def cell(self, index: int, cell: Cell, style: str, *, figures: bool) -> None:
        """One cell, by what it is: a text is written as text, whatever it looks like."""
        value, pattern = value_of(cell, self.report.language)
        shown = self.style(style, pattern, right=figures)
        match value:
            case None:
                self.sheet.write_blank(self.row, index, None, shown)
            case str():
                self.sheet.write_string(self.row, index, value, shown)
            case Decimal():
                self.sheet.write_number(self.row, index, value, shown)
            case _:
                self.sheet.write_datetime(self.row, index, value, shown)
        if style != "section":  # a section's heading runs over the columns beside it
            self.widths[index] = max(self.widths[index], _width(value, pattern))

    def style(self, style: str, pattern: str, *, right: bool = False) -> Any:  # noqa: ANN401
        """The book's style of this kind; each is made once."""
        key = (style, right, pattern)
        if key not in self.styles:
            alignment = {"align": "right"} if right else {}
            look = {"font_color": INK, **STYLES[style], "num_format": pattern, **alignment}
            self.styles[key] = self.book.add_format(look)
        return self.styles[key]


def _width(value: str | date | Decimal | None, pattern: str) -> int:
    """How many characters the value takes, with the gaps between its thousands."""
    if isinstance(value, Decimal):
        digits = len(f"{value:f}")
        return digits + digits // 3
    return len(pattern if isinstance(value, date) else value or "")
