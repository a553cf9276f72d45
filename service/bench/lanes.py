"""Many callers in one event loop; each asks for one payment, waits for the answer, asks for the next."""

import asyncio
import time
from itertools import count

from ledger.journals import Journal
from ledger.lane import Lane
from service.bench import ours
from service.bench.batches import RANDOM
from service.bench.samples import Sample
from service.bench.scale import MOST_JOURNALS

SETTLE_SECONDS = 0.2  # not counted: the first batches of so many callers


class LaneCallers:
    """Callers of a lane that has met every account, as one has that runs for a while."""

    def __init__(self, lane: Lane, book: ours.Book) -> None:
        self._lane = lane
        self._book = book
        self._places = book.last - book.first + 1
        self._keys = count()
        self._has_met_all = False

    def rate(self, callers: int, *, hot: bool, seconds: float) -> Sample:
        """Transfers a second of all callers, and how long the slowest hundredth waits, in milliseconds."""
        if not self._has_met_all:
            self._meet_all()
        waits, spent = asyncio.run(self._drive(callers, hot=hot, seconds=seconds))
        waits.sort()
        return {"rate": len(waits) / spent, "p99": 1e3 * waits[len(waits) * 99 // 100]}

    def _meet_all(self) -> None:
        for start in range(1, self._places + 1, MOST_JOURNALS):
            places = range(start, min(start + MOST_JOURNALS, self._places + 1))
            ours.pay_together(
                self._lane, [self._journal(place, place % self._places + 1) for place in places]
            )
        self._has_met_all = True

    async def _drive(self, callers: int, *, hot: bool, seconds: float) -> tuple[list[float], float]:
        begin = time.perf_counter() + SETTLE_SECONDS
        each = [self._call(begin, begin + seconds, hot=hot) for _ in range(callers)]
        found = await asyncio.gather(*each)
        spent = time.perf_counter() - begin
        return [wait for waits in found for wait in waits], spent

    async def _call(self, begin: float, end: float, *, hot: bool) -> list[float]:
        waits: list[float] = []
        while time.perf_counter() < end or not waits:
            debit = self._places if hot else RANDOM.randint(1, self._places)
            credit = (debit + RANDOM.randint(1, self._places - 1) - 1) % self._places + 1
            asked = time.perf_counter()
            await ours.pay(self._lane, self._journal(debit, credit))
            if asked >= begin:
                waits.append(time.perf_counter() - asked)
        return waits

    def _journal(self, debit: int, credit: int) -> Journal:
        return self._book.journal(f"{next(self._keys)}", debit, credit)
