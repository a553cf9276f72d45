"""What anybody may know of the proofs: whether the books agree."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class BookRow:
    """What the last proof said of one book: how many entries it has, and whether it agrees."""

    book: str
    transfers: int
    agrees: bool
    proved_at: datetime


@dataclass(frozen=True)
class PublicProofPage:
    """`proof.html`; `rules` are words of WORDS["proof"], `proved_at` is None before the first proof."""

    proved_at: datetime | None
    books: tuple[BookRow, ...]
    rules: tuple[str, ...]

    @property
    def differing(self) -> int:
        """How many books do not agree."""
        return sum(not row.agrees for row in self.books)
