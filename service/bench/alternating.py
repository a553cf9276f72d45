"""What is measured in turns: floor, ours, floor, ours, round after round, so that noise hits all alike."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from service.bench import batches, floor, ours
from service.bench.callers import Call, Callers, find_callers
from service.bench.lanes import LaneCallers
from service.bench.lines import (
    BATCH_SIZES,
    BESIDE_LANE,
    DOCUMENTED,
    FLOOR_CLIENTS,
    SINGLE_CLIENTS,
    WAYS,
    lane,
    single,
)
from service.bench.samples import Sample, Samples
from service.bench.scale import MOST_JOURNALS, Progress, Scale
from service.bench.world import Connection, World, fresh_world
from service.embedded import EmbeddedServer

# Batches of 8,192 that one connection posts in about a second: work is given, time is taken.
CALLS_PER_SECOND = 6


@dataclass(frozen=True)
class Probe:
    """One measurement of a round."""

    name: str
    measure: Callable[[], Sample]


def alternate(
    server: EmbeddedServer,
    scale: Scale,
    wanted: Collection[str],
    samples: Samples,
    progress: Progress,
) -> None:
    """Measure what is wanted, round by round, and see that nothing was refused and the books agree.

    Raises CallsFailed, JournalRefused and BooksDiffer.
    """
    with ExitStack() as leaving:
        progress.say("a new database")
        world = leaving.enter_context(fresh_world(server, scale.accounts))
        bench = leaving.enter_context(open_bench(world, scale))
        probes = [probe for probe in bench.probes() if probe.name in wanted]
        for number in range(1, scale.rounds + 1):
            for probe in probes:
                progress.say(f"round {number} of {scale.rounds}: {probe.name}")
                samples.add(probe.name, probe.measure())
        if probes:
            progress.say("do the books still agree?")
            ours.check_answers(bench.connections[0])
            with world.database() as database, database.transaction() as session:
                ours.check_balances(session)


@contextmanager
def open_bench(world: World, scale: Scale) -> Iterator["Bench"]:
    """Connect everybody who calls."""
    with ExitStack() as leaving:
        connections = [leaving.enter_context(world.connect()) for _ in world.books]
        database = leaving.enter_context(world.database())
        lane = LaneCallers(leaving.enter_context(ours.open_lane(database)), world.books[0])
        yield Bench(world, find_callers(), lane, connections, scale.seconds)


@dataclass(frozen=True)
class Bench:
    """A world and who calls in it; its methods are the ways of measuring."""

    world: World
    callers: Callers
    lane: LaneCallers
    connections: list[Connection]
    seconds: float

    def probes(self) -> list[Probe]:
        """Every measurement, each floor just before what is compared with it."""
        found = []
        for way in WAYS:
            for clients in FLOOR_CLIENTS:
                found.append(self._floor_one(clients, way))
                if clients in SINGLE_CLIENTS:
                    found.append(self._single(clients, way))
                if clients in BESIDE_LANE:
                    found.append(self._lane(BESIDE_LANE[clients], way))
            for size in BATCH_SIZES:
                found += [self._floor_many(size, way), self._batch(size, way)]
                if (size, way) == (MOST_JOURNALS, "uniform"):
                    found.append(self._batch(size, way, documented=True))
        found.append(self._books("one book, one connection", 1))
        return [*found, self._books("two books, two connections", 2)]

    def _floor_one(self, clients: int, way: str) -> Probe:
        call = Call(floor.CALL, 1, self.world.accounts, hot=way == "hot")
        return Probe(f"F({clients}) {way}", lambda: self._calls(call, clients))

    def _single(self, clients: int, way: str) -> Probe:
        book = self.world.books[0]
        call = Call(book.call, book.first, book.last, hot=way == "hot")
        return Probe(single(clients, way), lambda: self._calls(call, clients))

    def _calls(self, call: Call, clients: int) -> Sample:
        seconds = self.seconds
        return {"rate": self.callers.rate(self.world.url, call, clients=clients, seconds=seconds)}

    def _lane(self, callers: int, way: str) -> Probe:
        def measure() -> Sample:
            return self.lane.rate(callers, hot=way == "hot", seconds=self.seconds)

        return Probe(lane(callers, way), measure)

    def _floor_many(self, size: int, way: str) -> Probe:
        return Probe(
            f"A({size}) {way}",
            lambda: self._batches(
                lambda: batches.floor_batch(self.connections[0], self._sides(size, way)), size
            ),
        )

    def _batch(self, size: int, way: str, *, documented: bool = False) -> Probe:
        book, connection = self.world.books[0], self.connections[0]

        def make() -> Callable[[], None]:
            made = self._sides(size, way)
            return batches.our_batch(connection, made, book, documented=documented)

        name = f"batches of {size}, {way}{DOCUMENTED * documented}"
        return Probe(name, lambda: self._batches(make, size))

    def _sides(self, size: int, way: str) -> batches.Sides:
        return batches.sides(self.world.accounts, size, hot=way == "hot")

    def _batches(self, make: Callable[[], Callable[[], None]], size: int) -> Sample:
        return {"rate": batches.rate(make, size, seconds=self.seconds)}

    def _books(self, name: str, books: int) -> Probe:
        connections, calls = (
            self.connections[:books],
            max(1, round(CALLS_PER_SECOND * self.seconds)),
        )
        return Probe(
            name,
            lambda: {
                "rate": batches.rate_of_books(self.world, connections, MOST_JOURNALS, calls=calls)
            },
        )
