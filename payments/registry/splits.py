"""Split an amount among payees so that the parts sum to the whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.money import Money
from ledger.rounding import apportion


@dataclass(frozen=True)
class Share:
    """A payee's part by weight; `payee` names the budget account that receives it."""

    payee: str
    weight: int


def split(amount: Money, shares: Sequence[Share]) -> list[tuple[str, Money]]:
    """Each payee with its part, in the order of the shares.

    Whole minor units, by the largest remainder (ledger/rounding.py); they always sum to `amount`.
    """
    parts = apportion(amount.minor, [share.weight for share in shares])
    return [
        (share.payee, Money(part, amount.currency))
        for share, part in zip(shares, parts, strict=True)
    ]
