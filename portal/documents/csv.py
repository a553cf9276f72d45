"""Write a report as CSV, for programs: one head, then rows only, and sums that nobody adds twice.

RFC 4180 in UTF-8. Commas, although an Excel set to Russian splits at semicolons: it then shows one
column, where with semicolons it would read 12.05 as the twelfth of May. People take XLSX.
"""

import csv
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from io import StringIO

from ledger.money import Money
from portal.documents.report import Cell, Report, Row, plain
from portal.formats import in_tashkent

BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as the machine's own code page
CHUNK_CHARACTERS = 64_000

# A spreadsheet runs what begins so, also behind a separator that it splits at and we do not.
FORMULA = re.compile(r"(^|[,;|])(\s*)(?=[=+@\-＝＋＠－])")


def as_csv(report: Report) -> Iterator[bytes]:
    """The report in chunks, however long it is: plain decimals, ISO dates, instants in Tashkent.

    The title, openings, totals and notes are for people and stay out.
    """
    lines = StringIO(newline="")
    lines.write(BYTE_ORDER_MARK)
    writer = csv.writer(lines)
    for line in _lines(report):
        writer.writerow(map(written, line))
        if lines.tell() >= CHUNK_CHARACTERS:
            yield _taken(lines)
    yield _taken(lines)


def written(cell: Cell) -> str:
    """The cell as programs read it; text that a spreadsheet would run gets an apostrophe in front."""
    match cell:
        case None:
            return ""
        case str():
            return FORMULA.sub(r"\1\2'", plain(cell))
        case Money():
            return f"{cell.decimal:f}"
        case datetime():
            return in_tashkent(cell).isoformat(timespec="seconds")
        case date():
            return cell.isoformat()
        case Decimal():
            return f"{cell:f}"
        case int():
            return str(cell)


def _lines(report: Report) -> Iterator[Row]:
    sectioned = bool(report.section_heading)
    first = (report.section_heading,) if sectioned else ()
    yield *first, *(column.heading for column in report.columns)
    for section in report.sections:
        first = (section.heading,) if sectioned else ()
        for row in section.rows:
            yield *first, *report.checked(row)


def _taken(lines: StringIO) -> bytes:
    """What has been written so far; the next line begins an empty page."""
    chunk = lines.getvalue().encode()
    lines.seek(0)
    lines.truncate()
    return chunk
