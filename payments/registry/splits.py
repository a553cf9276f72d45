"""Split an amount among payees so that the parts sum to the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.money import Money


@dataclass(frozen=True)
class Share:
    """A payee's part by weight; `payee` names the budget account that receives it."""

    payee: str
    weight: int


def split(amount: Money, shares: Sequence[Share]) -> list[tuple[str, Money]]:
    """Each payee with its part, in the order of the shares.

    Rounding: whole minor units down; what remains goes one unit each to the largest remainders,
    ties to the earlier share (largest remainder method). The parts always sum to `amount`.
    """
    total = sum(share.weight for share in shares)
    parts = [divmod(amount.minor * share.weight, total) for share in shares]
    left_over = amount.minor - sum(whole for whole, _ in parts)
    by_remainder = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))
    lucky = set(by_remainder[:left_over])
    return [
        (share.payee, Money(whole + (place in lucky), amount.currency))
        for place, (share, (whole, _)) in enumerate(zip(shares, parts, strict=True))
    ]
