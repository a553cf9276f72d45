"""What was measured, and what it says: samples by name, lines that compare them, rows to print."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

# One sample is a few figures of one measurement: {"rate": 19000} or {"rate": 19000, "p99": 2.4}.
Sample = Mapping[str, float]


@dataclass
class Samples:
    """Every sample that was taken, in order, by the name of what was measured."""

    taken: dict[str, list[Sample]] = field(default_factory=dict)

    def add(self, name: str, sample: Sample) -> None:
        """Keep a sample."""
        self.taken.setdefault(name, []).append(sample)

    def figures(self, name: str, figure: str) -> list[float]:
        """One figure of every sample of this name; empty when it was not measured."""
        return [sample[figure] for sample in self.taken.get(name, ())]


@dataclass(frozen=True)
class Bound:
    """A bound for a line's ratio to its floor, or for its figure."""

    sign: str
    limit: float
    of_ratio: bool = True

    def is_kept(self, figure: float, ratio: float | None) -> bool:
        """Whether the measurement keeps it."""
        value = ratio if self.of_ratio else figure
        if value is None:
            return False
        return value >= self.limit if self.sign == ">=" else value <= self.limit


@dataclass(frozen=True)
class Line:
    """One line of the result: a figure of a measurement, and its ratio to the same of a floor.

    `target` is kept when one of its bounds is.
    """

    group: str
    name: str
    unit: str = "transfers/s"
    measured: str = ""  # when the line's name says more than the measurement's
    figure: str = "rate"
    floor: str = ""
    compared: str = "rate"
    target: tuple[Bound, ...] = ()

    @property
    def source(self) -> str:
        """The name of the measurement."""
        return self.measured or self.name

    @property
    def told_target(self) -> str | None:
        """The target in words: ">= 0.8 F(8)", "<= 4 ms"."""
        floor = self.floor.partition(" ")[0] if self.floor[:2] in {"F(", "A("} else "x"
        bounds = (f"{b.sign} {b.limit:g} {floor if b.of_ratio else self.unit}" for b in self.target)
        return " or ".join(bounds) or None


@dataclass(frozen=True)
class Row:
    """A line with its figures: medians of the rounds; a ratio is the median of each round's own."""

    name: str
    figure: float
    unit: str
    floor: float | None
    ratio: float | None
    target: str | None
    met: bool | None
    floor_name: str
    spread: tuple[float, float]

    def public(self) -> dict[str, Any]:
        """What --json prints."""
        told = asdict(self)
        return {key: told[key] for key in PUBLIC}


PUBLIC = ("name", "figure", "unit", "floor", "ratio", "target", "met")


def rows(lines: Iterable[Line], samples: Samples) -> list[Row]:
    """The lines of which there are samples, with their medians."""
    return [_row(line, samples) for line in lines if line.source in samples.taken]


def _row(line: Line, samples: Samples) -> Row:
    figures = samples.figures(line.source, line.figure)
    floors = samples.figures(line.floor, line.compared)
    ratios = _ratios(samples.figures(line.source, line.compared), floors) if floors else []
    figure, ratio = median(figures), median(ratios) if ratios else None
    seen = ratios or figures
    return Row(
        name=line.name,
        figure=_rounded(figure),
        unit=line.unit,
        floor=_rounded(median(floors)) if floors else None,
        ratio=None if ratio is None else _rounded(ratio),
        target=line.told_target,
        met=any(bound.is_kept(figure, ratio) for bound in line.target) if line.target else None,
        floor_name=line.floor,
        spread=(_rounded(min(seen)), _rounded(max(seen))),
    )


def _ratios(ours: list[float], floors: list[float]) -> list[float]:
    """Round by round, so that a slow minute of the machine slows both sides of a ratio."""
    if len(ours) != len(floors):
        floors = [median(floors)] * len(ours)
    return [our / floor for our, floor in zip(ours, floors, strict=True)]


def _rounded(figure: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{figure:.4g}")
