"""Load a million transfers, ours and floor A's in turns; then weigh, prove and read what is there."""

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from foundation.database import Database
from service.bench import batches, ours
from service.bench.explaining import spent_milliseconds
from service.bench.lines import TRANSFERS
from service.bench.samples import Samples
from service.bench.scale import MOST_JOURNALS, Progress, Scale
from service.bench.world import Connection, World, fresh_world
from service.embedded import EmbeddedServer

FLOOR = f"A({MOST_JOURNALS})"
PROOFS = 3
# Tables with their indexes, oversized values and maps.
BYTES = """
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
 WHERE relnamespace = %s::regnamespace AND relkind = 'r'
"""


@dataclass
class Weighed:
    """What one side wrote to its log for how many transfers."""

    wal_bytes: int = 0
    transfers: int = 0


def load(
    server: EmbeddedServer,
    scale: Scale,
    groups: Collection[str],
    samples: Samples,
    progress: Progress,
) -> None:
    """Measure the groups size, prove and statement. Raises JournalRefused and BooksDiffer."""
    if not {"size", "prove", "statement"} & set(groups):
        return
    with ExitStack() as leaving:
        progress.say("a new database, to be loaded")
        world = leaving.enter_context(fresh_world(server, scale.accounts))
        loading = Loading(
            world,
            scale,
            leaving.enter_context(world.connect()),
            leaving.enter_context(world.connect_as_superuser()),
            samples,
            progress,
        )
        if {"size", "prove"} & set(groups):
            loading.weigh()
        database = leaving.enter_context(world.database())
        if "prove" in groups:
            loading.prove(database)
        if "statement" in groups:
            loading.read(database)


@dataclass
class Loading:
    """A world that fills up, and what is measured on the way."""

    world: World
    scale: Scale
    connection: Connection
    admin: Connection
    samples: Samples
    progress: Progress
    loaded: int = 0

    def weigh(self) -> None:
        """Log from one checkpoint on, and disk: of ours, and of the floor's rows that promise less."""
        before = {schema: self._size_bytes(schema) for schema in ("ledger", "floor")}
        weighed = self._write_both(-(-self.scale.transfers // MOST_JOURNALS))
        for schema, prefix in (("ledger", ""), ("floor", f"{FLOOR} ")):
            side = weighed[schema]
            disk = (self._size_bytes(schema) - before[schema]) / side.transfers
            self.samples.add(f"{prefix}disk per transfer", {"bytes": disk})
            self.samples.add(
                f"{prefix}WAL per transfer", {"bytes": side.wal_bytes / side.transfers}
            )
        with self._no_full_pages():
            weighed = self._write_both(self.scale.batches_without_full_pages)
        for schema, prefix in (("ledger", ""), ("floor", f"{FLOOR} ")):
            side = weighed[schema]
            name = f"{prefix}WAL per transfer, without full pages"
            self.samples.add(name, {"bytes": side.wal_bytes / side.transfers})

    def prove(self, database: Database) -> None:
        """Two rules over everything, on tables as the night finds them: vacuumed and analyzed."""
        self.admin.execute("VACUUM (ANALYZE)")
        for number in range(1, PROOFS + 1):
            for rule in ("balances", "running"):
                self.progress.say(f"proof {number} of {PROOFS}: {rule}")
                with database.transaction() as session:
                    began = time.perf_counter()
                    ours.prove_rule(session, rule)
                    spent = time.perf_counter() - began
                self.samples.add(
                    f"proof of a million transfers, {rule}",
                    {"seconds": spent * TRANSFERS / self.loaded, "rate": self.loaded / spent},
                )

    def read(self, database: Database) -> None:
        """One account gets a million legs, then it is read at places anywhere in them."""
        book = self.world.books[1]
        calls = -(-self.scale.transfers // MOST_JOURNALS)
        for number in range(1, calls + 1):
            self.progress.say(f"loading one account, {number} of {calls}")
            made = batches.sides(self.world.accounts, MOST_JOURNALS, hot=True)
            batches.our_batch(self.connection, made, book)()
        self.admin.execute("VACUUM (ANALYZE)")
        self.progress.say("reading")
        for _ in range(self.scale.reads):
            before_seq = batches.RANDOM.randint(60, calls * MOST_JOURNALS)
            for name, read in ours.reading(book, book.last, before_seq).items():
                spent = spent_milliseconds(database, read)
                self.samples.add(f"{name}, account of a million legs", {"milliseconds": spent})

    def _write_both(self, calls: int) -> dict[str, Weighed]:
        """Post batches of ours and of the floor in turns; how much log each of them wrote."""
        weighed = {"ledger": Weighed(), "floor": Weighed()}
        for number in range(1, calls + 1):
            self.progress.say(f"loading, {number} of {calls}")
            made = batches.sides(self.world.accounts, MOST_JOURNALS, hot=False)
            for schema, send in (
                ("ledger", batches.our_batch(self.connection, made, self.world.books[0])),
                ("floor", batches.floor_batch(self.connection, made)),
            ):
                before = self._written()
                send()
                weighed[schema].wal_bytes += self._written() - before
                weighed[schema].transfers += MOST_JOURNALS
            self.loaded += MOST_JOURNALS
        return weighed

    @contextmanager
    def _no_full_pages(self) -> Iterator[None]:
        """Leave whole pages out of the log for a while: how many there are depends on the checkpoints."""
        self.admin.execute("ALTER SYSTEM SET full_page_writes = off")
        self._reload()
        try:
            yield
        finally:
            self.admin.execute("ALTER SYSTEM RESET full_page_writes")
            self._reload()

    def _reload(self) -> None:
        self.admin.execute("SELECT pg_reload_conf()")
        time.sleep(1)  # the checkpointer reads it, and tells the others, in its own time

    def _written(self) -> int:
        return self._number("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")

    def _size_bytes(self, schema: str) -> int:
        return self._number(BYTES, schema)

    def _number(self, query: str, *values: str) -> int:
        row = self.admin.execute(query.encode(), values).fetchone()
        return int(row[0]) if row is not None else 0
