"""How far a proof is: a line for each rule that is done, and on a terminal a bar for the one under way."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from ledger.books import Check
from ledger.rule import Rule

WIDTH = 24
TICK_SECONDS = 1


class ProofProgress:
    """Watches the checks of a proof go by. `line` writes one of them for people; None writes none."""

    def __init__(self, rules: Sequence[Rule], line: Callable[[Check], str] | None) -> None:
        self._rules = rules
        self._line = line
        self._done = 0
        self._began = time.monotonic_ns()
        self._on_terminal = sys.stderr.isatty()
        self._drawing = threading.Lock()
        self._over = threading.Event()

    def __call__(self, checks: Iterable[Check]) -> Iterator[Check]:
        """Pass the checks on, as they come."""
        ticking = threading.Thread(target=self._tick, daemon=True)
        if self._on_terminal:
            ticking.start()
        try:
            for check in checks:
                self._tell(check)
                yield check
        finally:
            self._over.set()
            if self._on_terminal:
                ticking.join()
                self._wipe()

    def _tell(self, check: Check) -> None:
        with self._drawing:
            self._done += 1
            self._wipe()
            if self._line is not None:
                print(self._line(check), flush=True)

    def _tick(self) -> None:
        while not self._over.is_set():
            with self._drawing:
                self._draw()
            self._over.wait(TICK_SECONDS)

    def _draw(self) -> None:
        if self._done == len(self._rules):
            return
        total, seconds = len(self._rules), (time.monotonic_ns() - self._began) // 1_000_000_000
        bar = "#" * (WIDTH * self._done // total)
        under_way = f"rule {self._done + 1} of {total}: {self._rules[self._done].name}"
        told = f"\r\x1b[K[{bar:.<{WIDTH}}] {under_way}, {seconds} s"
        print(told, end="", file=sys.stderr, flush=True)

    def _wipe(self) -> None:
        if self._on_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
