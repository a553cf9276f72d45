"""Write a report as PDF: A4, tagged for screen readers (PDF/UA-1), the same bytes each time.

What a person typed goes to Typst as JSON and stays text there: no template is ever built of it.
"""

import json
import re
import subprocess
import sys
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

from foundation.errors import Refused
from ledger.money import Money
from portal import formats
from portal.documents.paper import breakable, paper_for
from portal.documents.report import ELLIPSIS, UNREADABLE, Cell, Report, Row, plain, shortened
from portal.languages import Language

MOST_CELLS = 70_000  # 10,000 rows of 7: 300 pages, 4 s, 0.8 GB in the child
MOST_CHARACTERS = 4_000_000
MOST_CHARACTERS_OF_A_CELL = 500
TIMEOUT_SECONDS = 60
TYPESETTER = Path(__file__).with_name("typesetter.py")
TYPESETTING = Lock()  # one at a time, as a long report takes 0.8 GB; a usual one takes 0.1 s

# What Typst's own fonts can show: Latin, Greek, Cyrillic, signs. A letter without a glyph would break
# the standard, so it becomes U+FFFD here; marks on letters are composed with them before.
NOT_SHOWN = re.compile(
    "[^ -~\u00a0-\u02ff\u0370-\u0482\u048a-\u04ff\u1e00-\u1eff\u2010-\u2027\u202f-\u2040\u20a0-\u20bf"
    "\u2116\u2122\u2190-\u21ff\u2200-\u22ff\u25a0-\u25ff\ufffd]"
)
WORD = re.compile(r"\S{9,}")  # a shorter one fits into any column


class TooLongForPdf(Refused):
    """This report is too long for PDF. Take it as XLSX or CSV."""


class TypesettingFailed(RuntimeError):
    """Typst made no PDF of this; its words stand in the log."""


def as_pdf(report: Report) -> bytes:
    """The report as a file to keep, in letters that Typst's own fonts have. Raises TooLongForPdf."""
    return typeset(pages_of(report), at=report.at)


def pages_of(report: Report) -> dict[str, Any]:
    """All that stands on the pages, ready for the typesetter. Raises TooLongForPdf."""
    sections = _sections(report)
    heads = [_text(column.heading) for column in report.columns]
    parts = ("opening", "rows", "totals")
    paper = paper_for(heads, chain(*(section[part] for section in sections for part in parts)))
    columns = zip(heads, report.columns, paper.widths, strict=True)
    return {
        "title": _text(report.title) or ELLIPSIS,  # the standard wants one
        "language": report.language.partition("-")[0],  # Typst takes a language, no script
        "size": paper.size_points,
        "landscape": paper.landscape,
        "subtitles": [_text(line) for line in report.subtitles],
        "columns": [
            {"heading": heading, "figures": column.figures, "width": width}
            for heading, column, width in columns
        ],
        "sections": sections,
        "notes": [_text(line) for line in report.notes],
    }


def typeset(page: dict[str, Any], *, at: datetime) -> bytes:
    """Have a child process make the PDF; it takes seconds. Raises TypesettingFailed."""
    command = [sys.executable, "-P", str(TYPESETTER), str(int(at.timestamp()))]
    with TYPESETTING:
        done = subprocess.run(  # noqa: S603 - our own program; the report goes in as data
            command,
            input=json.dumps(page).encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise TypesettingFailed(done.stderr.decode(errors="replace")[-2000:])
    return done.stdout


def shown(cell: Cell, language: Language) -> str:
    """The cell as people read it."""
    match cell:
        case None:
            return ""
        case str():
            return _text(cell)
        case Money():
            return formats.figure(cell, language)
        case datetime():
            return formats.moment(cell, language)
        case date():
            return formats.day(cell, language)
        case int():
            return formats.count(cell, language)
        case Decimal():
            places = len(f"{cell:f}".partition(".")[2])
            return formats.FORMATS[language].number(cell, places)


def _text(text: str) -> str:
    """The text as the page can show it: no letter without a glyph, no word wider than a column."""
    seen = NOT_SHOWN.sub(UNREADABLE, unicodedata.normalize("NFC", plain(text)))
    return WORD.sub(
        lambda word: breakable(word[0]), shortened(seen.strip(), MOST_CHARACTERS_OF_A_CELL)
    )


def _sections(report: Report) -> list[dict[str, Any]]:
    """The sections with their cells shown. Raises TooLongForPdf as soon as they are too many."""
    found, cells, characters = [], 0, 0

    def line(row: Row) -> list[str]:
        nonlocal cells, characters
        texts = [shown(cell, report.language) for cell in report.checked(row)]
        cells += len(texts)
        characters += sum(map(len, texts))
        if cells > MOST_CELLS or characters > MOST_CHARACTERS:
            raise TooLongForPdf(cells=cells)
        return texts

    for section in report.sections:
        heading = line([section.heading] + [None] * (len(report.columns) - 1))[0]
        opening = [line(section.opening)] if section.opening is not None else []
        rows = [line(row) for row in section.rows]
        totals = [line(section.totals)] if section.totals is not None else []
        found.append({"heading": heading, "opening": opening, "rows": rows, "totals": totals})
    return found
