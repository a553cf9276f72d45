"""`mizon bench ledger`: a server of its own, one alternating run, the answer as a table or as JSON."""

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from foundation.errors import NotFound
from service.bench.alternating import alternate
from service.bench.callers import find_callers
from service.bench.lines import GROUPS, ONLY_WHEN_LONG, all_lines
from service.bench.loading import load
from service.bench.report import as_json, as_text
from service.bench.samples import Row, Samples, rows
from service.bench.scale import Progress, Scale
from service.bench.sustaining import sustain
from service.bench.world import circumstances
from service.embedded import EmbeddedServer
from service.settings import TOWN

NOTES = (
    "F(n): one hand-written transfer a call, n clients; A(n): n transfers set-based in one call; neither"
    " checks anything.",
    "Ratio: median of the rounds, each round its own ratio; spread: lowest and highest of them.",
    "Ours: all checks on, limits on every account; one transfer a journal; documents in the lane and"
    " where said.",
    "Hot: every transfer debits the same account. WAL: from a checkpoint on, full pages included.",
)


class NoSuchMeasurement(NotFound):
    """There is no measurement of this name."""


def bench_ledger(
    *, as_rows: bool, long: bool, seconds: int | None, only: Sequence[str] | None
) -> int:
    """Measure on a throw-away database and print; targets that are missed are no error.

    Durable as in production: every commit is on the disk. Raises NoSuchMeasurement, what the server
    raises, and CallsFailed, JournalRefused or BooksDiffer when the figures would be worth nothing.
    """
    groups = choose(only, long=long)
    scale = Scale(seconds=max(1, seconds or (3 if long else 1)))
    progress = Progress()
    TOWN.parent.mkdir(exist_ok=True)  # not /tmp, which may be in memory: commits must reach a disk
    with (
        tempfile.TemporaryDirectory(
            prefix="bench-", dir=TOWN.parent, ignore_cleanup_errors=True
        ) as home,
        EmbeddedServer(Path(home)) as server,
    ):
        facts = circumstances(server, Path(home))
        found = measure(server, scale, groups, progress)
    progress.done()
    notes = (*NOTES, f"{scale.rounds} rounds of {scale.seconds} s; {find_callers().note}.")
    print(as_json(found) if as_rows else as_text(found, facts, notes))
    return 0


def choose(only: Sequence[str] | None, *, long: bool) -> list[str]:
    """The groups to measure. Raises NoSuchMeasurement."""
    for name in only or ():
        if name not in GROUPS:
            raise NoSuchMeasurement(name=name, known=" ".join(GROUPS))
    return list(only or (name for name in GROUPS if long or name not in ONLY_WHEN_LONG))


def measure(
    server: EmbeddedServer, scale: Scale, groups: Collection[str], progress: Progress
) -> list[Row]:
    """Measure the groups on the server, and the floors that stand beside them."""
    lines = [line for line in all_lines() if line.group in groups]
    wanted = {line.source for line in lines} | {line.floor for line in lines}
    samples = Samples()
    alternate(server, scale, wanted, samples, progress)
    load(server, scale, groups, samples, progress)
    if "sustained" in groups:
        sustain(server, scale, samples, progress)
    shown = [line for line in all_lines() if line.group in groups or line.name in wanted]
    return rows(shown, samples)
