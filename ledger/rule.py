"""What a rule is: one sentence, and the query that finds what breaks it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One sentence that must hold: `counted` counts its rows, `broken` finds its faults, first ones first.

    Every fault names its book in the column `org_id`. `shuts` is for what a book says of itself: one
    that breaks it takes no more postings. A difference between two books, or between the books and
    payments, is shown and shuts none. `quick` is for rules that read balances, not every transfer:
    they are proved after each reconciliation too.
    """

    name: str
    sentence: str
    counted: str
    broken: str
    shuts: bool = True
    quick: bool = False
