"""Read the documents: their sections, tables, code words and links."""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@cache
def text_of(name: str) -> str:
    """A document of the project, as it stands."""
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[str]:
    """Every Markdown file of the project."""
    top = [path.name for path in ROOT.glob("*.md")]
    return sorted(top + [str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")])


def headings(document: str) -> list[str]:
    """The headings, without those inside fences."""
    return re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(document)), re.MULTILINE)


def section(document: str, heading: str) -> str:
    """From a heading to the next of the same or a higher level."""
    text = text_of(document)
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{document} has no heading '{heading}'"
    rest = text[found.end() :]
    after = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: after.start()] if after else rest


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text: rows of cells, without the head and the line below it."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        if not inside:
            found.append([])
            inside = True
        found[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
    return [rows[2:] for rows in found]


def rows_of(document: str, heading: str) -> list[list[str]]:
    """Every row of every table of a section."""
    return [row for table in tables(section(document, heading)) for row in table]


def first_codes(rows: list[list[str]]) -> list[str]:
    """The first code word in the first cell of each row."""
    return [CODE.findall(row[0])[0] for row in rows]


def codes(cell: str) -> set[str]:
    """The code words of a cell."""
    return set(CODE.findall(cell))


def links(document: str) -> list[tuple[str, str]]:
    """Each link's words and target, outside fences."""
    return LINK.findall(FENCE.sub("", text_of(document)))


def slug(heading: str) -> str:
    """The anchor that a heading gets when it is shown."""
    plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
