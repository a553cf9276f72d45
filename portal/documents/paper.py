"""Choose the paper for a table and share it among the columns: pure arithmetic on letters' widths.

Typst could find the widths itself, but squeezes every column alike when the page is full, and a sum
that is squeezed runs into the next one. All widths are in em, the size of the letters.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PORTRAIT_POINTS, LANDSCAPE_POINTS = 595.28 - 2 * 42, 841.89 - 2 * 42  # A4 between its margins
SIZE_POINTS = 9.0
PADDING, WISH = 1.0, 22.0
LONGEST_WORD = 10.5  # an account's number of 20 digits stays whole
ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"  # a line may be broken here
BREAK = re.compile(f"[ {ZERO_WIDTH_SPACE}]")

# How wide the letters of our languages are in Libertinus Serif, bold or not; any other is a capital.
CAPITAL = 0.75
LETTERS = {
    letter: width
    for width, letters in (
        (0.00, ZERO_WIDTH_SPACE),
        (0.36, " \u00a0\u202f.,:;!'()/|\\-•·°{}ijltʻʼії"),
        (0.52, '0123456789?"[]*#_“”„€$§~^`acefgrsvzIJSагеёзстьэқғҳҒәІЇ'),
        (0.66, "–−+=%<>«»bdghknopquvxyBEFLPTYZбвдийклнопрухцчъяВГЕЁЗРТЬЭўҚҲөүҮұҰңһҺ"),
        (1.00, "@…№—mwHMжфмшщыюИЙМНПЦЪЫЮ\ufffd"),
        (1.25, "WЖШЩ"),
    )
    for letter in letters
}


@dataclass(frozen=True)
class Paper:
    """How the columns lie on A4."""

    landscape: bool
    size_points: float
    widths: tuple[float, ...]


def paper_for(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Paper:
    """Choose the paper for these cells: portrait where it is roomy enough, else landscape.

    A column is at least as wide as its widest word, so that no figure is ever cut or broken; what
    is left goes to the columns whose lines are long. Where even words do not fit, letters get smaller.
    """
    least = [widest_word(head) for head in heads]
    wish = list(least)
    for row in rows:
        for index, cell in enumerate(row):
            least[index] = max(least[index], widest_word(cell))
            wish[index] = max(wish[index], least[index], min(width_of(cell), WISH))
    least = [width + PADDING for width in least]
    wish = [width + PADDING for width in wish]
    roomy = (sum(least) + sum(wish)) / 2 * SIZE_POINTS <= PORTRAIT_POINTS
    points = PORTRAIT_POINTS if roomy else LANDSCAPE_POINTS
    size = min(SIZE_POINTS, points / sum(least))
    return Paper(not roomy, size, _spread(least, wish, points / size))


def width_of(text: str) -> float:
    """About how wide the text is on one line."""
    return sum(LETTERS.get(letter, CAPITAL) for letter in text)


def widest_word(text: str) -> float:
    """How wide the widest part is that no line break divides."""
    return max(map(width_of, BREAK.split(text)))


def breakable(word: str) -> str:
    """The word; one that is wider than a column should be may be broken behind each of its letters."""
    return word if width_of(word) <= LONGEST_WORD else ZERO_WIDTH_SPACE.join(word)


def _spread(least: list[float], wish: list[float], room: float) -> tuple[float, ...]:
    """Fill the room: all that is wished and more, or what there is beyond the least."""
    needed, wanted = sum(least), sum(wish)
    if wanted <= room:
        return tuple(width * room / wanted for width in wish)
    share = (room - needed) / (wanted - needed) if wanted > needed else 0
    return tuple(low + share * (high - low) for low, high in zip(least, wish, strict=True))
