"""Post whole batches on one connection, or on two at once, and say how many transfers a second that is."""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from service.bench import floor, ours
from service.bench.world import Connection, World

RANDOM = random.Random(8192)  # noqa: S311 - accounts to pick, no secret
Sides = tuple[Sequence[int], Sequence[int]]


def sides(accounts: int, size: int, *, hot: bool) -> Sides:
    """Debits and credits of random transfers, as places from 1; hot: every debit on the last account."""
    places = range(1, accounts)
    steps = RANDOM.choices(places, k=size)
    debits = [accounts] * size if hot else RANDOM.choices(range(1, accounts + 1), k=size)
    return debits, [(d + s - 1) % accounts + 1 for d, s in zip(debits, steps, strict=True)]


def floor_batch(connection: Connection, made: Sides) -> Callable[[], None]:
    """A batch of floor A, ready to be sent."""
    return lambda: floor.call_many(connection, *made)


def our_batch(
    connection: Connection, made: Sides, book: ours.Book, *, documented: bool = False
) -> Callable[[], None]:
    """A batch of ours, ready to be sent: keys and documents are the callers' work, as in any ledger."""
    batch = ours.Batch.of(book, *made)
    batch = batch.with_documents() if documented else batch
    return lambda: ours.post_many(connection, batch)


def rate(make: Callable[[], Callable[[], None]], size: int, *, seconds: float) -> float:
    """Transfers a second of batches one after the other; only the time from sending to answer counts."""
    spent, sent = 0.0, 0
    while spent < seconds:
        send = make()
        began = time.perf_counter()
        send()
        spent += time.perf_counter() - began
        sent += size
    return sent / spent


def rate_of_books(
    world: World, connections: Sequence[Connection], size: int, *, calls: int
) -> float:
    """Transfers a second of connections at once, each posting `calls` batches into a book of its own."""
    ready = [
        [our_batch(c, sides(world.accounts, size, hot=False), book) for _ in range(calls)]
        for c, book in zip(connections, world.books, strict=False)
    ]

    def work(batches: Sequence[Callable[[], None]]) -> None:
        for send in batches:
            send()

    with ThreadPoolExecutor(len(ready)) as threads:
        began = time.perf_counter()
        list(threads.map(work, ready))
        spent = time.perf_counter() - began
    return len(ready) * calls * size / spent
