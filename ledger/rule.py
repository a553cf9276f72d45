"""What a rule is: one sentence, and the query that finds what breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

# For what no query can find: a function of the session that yields the faults.
Finder = Callable[[Session], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Rule:
    """One sentence that must hold: `counted` counts its rows, `broken` finds its faults, first ones first.

    Every fault names its book in the column `org_id`, and consists of what JSON has. `shuts` is for what
    a book says of itself: one that breaks it takes no more postings. A difference between two books, or
    between the books and payments, is shown and shuts none. `quick` is for rules that read balances,
    not every transfer: they are proved after each reconciliation too.
    """

    name: str
    sentence: str
    counted: str
    broken: str | Finder
    shuts: bool = True
    quick: bool = False
