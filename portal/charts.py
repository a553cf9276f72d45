"""Small pictures as SVG, drawn for a phone first: 340 units wide, text of 14 units.

Figures come as integers and lengths are integer divisions, so no float takes part in a sum. Each
picture has a title and a one-sentence description, and stands above a table with the same figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH = 340
BAR, GAP, HEAD = 26, 18, 24


@dataclass(frozen=True)
class Level:
    """One bar: what it shows, its figure in words, and its size in whole units."""

    label: str
    shown: str
    size: int


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


def length(size: int, most: int) -> int:
    """A size as a length on the picture: the largest fills the width, what is there is seen."""
    if size <= 0 or most <= 0:
        return 0
    return max(WIDTH * size // most, 2)
