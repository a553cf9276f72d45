"""Small pictures as SVG, drawn for a phone first: 340 units wide, text of 14 units.

Figures come as integers and lengths are integer divisions, so no float takes part in a sum. Each
picture has a title and a one-sentence description, and stands above a table with the same figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH = 340
BAR, GAP, HEAD = 26, 18, 24
COLUMN = 96


@dataclass(frozen=True)
class Level:
    """One bar: what it shows, its figure in words, and its size in whole units."""

    label: str
    shown: str
    size: int
    sound: bool = True


def flow(name: str, title: str, description: str, levels: Sequence[Level]) -> Markup:
    """Bars under each other with the stream between them: what narrows has not yet come through."""
    most = max((level.size for level in levels), default=0)
    widths = [length(level.size, most) for level in levels]
    step = HEAD + BAR + GAP
    parts: list[Markup] = []
    for place, (level, width) in enumerate(zip(levels, widths, strict=True)):
        top = place * step
        parts.append(caption(level, top))
        parts.append(bar(top + HEAD, width, most_width=widths[0]))
        if place + 1 < len(levels):
            parts.append(stream(top + HEAD + BAR, width, widths[place + 1], GAP + HEAD))
    # The streams lie under the captions, so that text stays crisp.
    ordered = sorted(parts, key=lambda part: not part.startswith("<polygon"))
    return drawing(name, title, description, step * len(levels) - GAP, ordered)


def columns(name: str, title: str, description: str, levels: Sequence[Level]) -> Markup:
    """Figures that follow each other in time, oldest first; one that is not `sound` is an outline.

    Only the first and the last are named, and the largest figure is written: the rest is in the table.
    """
    most = max((level.size for level in levels), default=0)
    step = WIDTH // max(len(levels), 1)
    parts = [Markup('<text class="strong" x="0" y="17">{}</text>').format(_largest(levels, most))]
    for place, level in enumerate(levels):
        height = max(COLUMN * level.size // most, 2) if most > 0 else 0
        shape = (
            Markup('<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#0a5a63"/>')
            if level.sound
            else Markup(
                '<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#fcecea"'
                ' stroke="#b3261e" stroke-width="2"/>'
            )
        )
        parts.append(
            shape.format(
                x=place * step + 1, y=HEAD + COLUMN - height, width=max(step - 3, 2), height=height
            )
        )
    foot = HEAD + COLUMN + 17
    if levels:
        parts.append(Markup('<text x="0" y="{}">{}</text>').format(foot, levels[0].label))
    if len(levels) > 1:
        end = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>')
        parts.append(end.format(WIDTH, foot, levels[-1].label))
    return drawing(name, title, description, HEAD + COLUMN + HEAD, parts)


def drawing(
    name: str, title: str, description: str, height: int, parts: Sequence[Markup]
) -> Markup:
    """The picture around its parts, named and described for those who do not see it."""
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img"'
        ' aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{title}</title>'
        '<desc id="{name}-desc">{description}</desc>{parts}</svg>'
    ).format(
        width=WIDTH,
        height=height,
        name=name,
        title=title,
        description=description,
        parts=Markup("").join(parts),
    )


def caption(level: Level, top: int) -> Markup:
    """The bar's name on the left, its figure on the right."""
    return Markup(
        '<text x="0" y="{y}">{label}</text>'
        '<text class="strong" x="{right}" y="{y}" text-anchor="end">{shown}</text>'
    ).format(y=top + 17, right=WIDTH, label=level.label, shown=level.shown)


def bar(top: int, width: int, *, most_width: int) -> Markup:
    """What has come this far, solid; what is still on its way, an outline."""
    rest = most_width - width
    waiting = Markup(
        '<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="#fff4d6" stroke="#c98500"'
        ' stroke-dasharray="4 3"/>'
    ).format(x=width + 1, y=top + 1, width=max(rest - 2, 0), height=BAR - 2)
    solid = Markup('<rect y="{y}" width="{width}" height="{height}" fill="#0a5a63"/>').format(
        y=top, width=width, height=BAR
    )
    return solid + (waiting if rest > 2 else Markup(""))


def stream(top: int, upper: int, lower: int, height: int) -> Markup:
    """The tinted band from one bar to the next."""
    return Markup('<polygon points="0,{0} {1},{0} {2},{3} 0,{3}" fill="#dcebec"/>').format(
        top, upper, lower, top + height
    )


def _largest(levels: Sequence[Level], most: int) -> str:
    return next((level.shown for level in levels if level.size == most), "")


def length(size: int, most: int) -> int:
    """A size as a length on the picture: the largest fills the width, what is there is seen."""
    if size <= 0 or most <= 0:
        return 0
    return max(WIDTH * size // most, 2)
