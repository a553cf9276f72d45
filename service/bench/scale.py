"""How much a run measures, and how it tells where it is."""

import sys
import time
from dataclasses import dataclass, field

MOST_JOURNALS = 8_192  # in one call of the writer


@dataclass(frozen=True)
class Scale:
    """How long and how often is measured, and on how many rows."""

    seconds: float = 1  # of each measurement in each round; pgbench takes whole ones
    rounds: int = 4
    accounts: int = 10_000
    transfers: int = 1_000_000  # that are proved, weighed and read
    batches_without_full_pages: int = 20
    sustained: int = 5_000_000
    reads: int = 40


@dataclass
class Progress:
    """One line on stderr that says what is measured now; a line each where stderr is a file."""

    began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """Tell what begins."""
        told = f"[{time.monotonic() - self.began:5.0f} s] {what}"
        if sys.stderr.isatty():
            told = f"\r\x1b[K{told}"
        print(told, end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
