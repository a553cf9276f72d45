"""Print what was measured: a table with the ratios first, or JSON."""

import json
from collections.abc import Mapping, Sequence

from service.bench.samples import Row

HEADER = ("ratio", "spread", "target", "", "figure", "unit", "floor", "what")


def as_json(rows: Sequence[Row]) -> str:
    """Rows of name, figure, unit, floor, ratio, target and met."""
    return json.dumps([row.public() for row in rows], ensure_ascii=False, indent=2)


def as_text(rows: Sequence[Row], facts: Mapping[str, str], notes: Sequence[str]) -> str:
    """The circumstances, the table, and how to read it."""
    cells = [HEADER, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEADER))]
    table = [
        "  ".join(
            cell.ljust(width) if i in LEFT else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    told = "; ".join(f"{name} {value}" for name, value in facts.items())
    return "\n".join([told, "", *table, "", *notes, verdict(rows)])


LEFT = (2, 3, 5, 7)


def verdict(rows: Sequence[Row]) -> str:
    """How many targets were met."""
    judged = [row for row in rows if row.met is not None]
    return f"{sum(bool(row.met) for row in judged)} of {len(judged)} targets met."


def _cells(row: Row) -> tuple[str, ...]:
    low, high = row.spread
    return (
        "" if row.ratio is None else f"{row.ratio:.2f}",
        "" if low == high else f"{_short(low)}–{_short(high)}",
        row.target or "",
        {True: "met", False: "NOT MET", None: ""}[row.met],
        _short(row.figure),
        row.unit,
        "" if row.floor is None else _short(row.floor),
        row.name,
    )


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
