"""Post millions of transfers, ours and floor A's in turns, and see whether the speed lasts."""

import time
from collections.abc import Callable
from contextlib import ExitStack

from service.bench import batches
from service.bench.samples import Samples
from service.bench.scale import MOST_JOURNALS, Progress, Scale
from service.bench.world import fresh_world
from service.embedded import EmbeddedServer

STEPS = 10
FLOOR = f"A({MOST_JOURNALS}) "
SIDES = ("", FLOOR)


def sustain(server: EmbeddedServer, scale: Scale, samples: Samples, progress: Progress) -> None:
    """Measure in steps of a tenth, and over all of them. Raises JournalRefused."""
    calls = max(1, scale.sustained // STEPS // MOST_JOURNALS)
    with ExitStack() as leaving:
        progress.say("a new database, to be filled")
        world = leaving.enter_context(fresh_world(server, scale.accounts))
        connection = leaving.enter_context(world.connect())
        total = dict.fromkeys(SIDES, 0.0)
        for step in range(1, STEPS + 1):
            spent = dict.fromkeys(SIDES, 0.0)
            for _ in range(calls):
                made = batches.sides(world.accounts, MOST_JOURNALS, hot=False)
                ours = batches.our_batch(connection, made, world.books[0])
                spent[""] += _seconds(ours)
                spent[FLOOR] += _seconds(batches.floor_batch(connection, made))
            rates = {side: calls * MOST_JOURNALS / seconds for side, seconds in spent.items()}
            progress.say(
                f"step {step} of {STEPS}: ours {rates['']:,.0f}/s, A {rates[FLOOR]:,.0f}/s"
            )
            for side in SIDES:
                samples.add(f"{side}sustained, to {step / 2} M rows", {"rate": rates[side]})
                total[side] += spent[side]
        for side, seconds in total.items():
            samples.add(f"{side}sustained", {"rate": STEPS * calls * MOST_JOURNALS / seconds})


def _seconds(send: Callable[[], None]) -> float:
    began = time.perf_counter()
    send()
    return time.perf_counter() - began
