"""Round to whole minor units, exactly: half up, and in parts that sum to the whole."""

from collections.abc import Sequence
from fractions import Fraction


def half_up(exact: Fraction) -> int:
    """The nearest whole number; a half goes away from zero, as SQL's round() does."""
    whole = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return whole if exact >= 0 else -whole


def apportion(whole: int, weights: Sequence[int]) -> list[int]:
    """Parts of `whole` in proportion to `weights`, in their order; they always sum to it.

    Each is rounded down; what remains goes one unit each to the largest remainders, ties to the one
    that stands earlier (largest remainder method). No part exceeds its weight while `whole` does not
    exceed their sum.
    """
    total = sum(weights)
    parts = [divmod(whole * weight, total) for weight in weights]
    left_over = whole - sum(part for part, _ in parts)
    by_remainder = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    lucky = set(by_remainder[:left_over])
    return [part + (place in lucky) for place, (part, _) in enumerate(parts)]
