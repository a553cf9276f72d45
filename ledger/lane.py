"""The lane: many callers, one commit. It gathers what waits, posts it in one call, answers each.

Alone, callers of one hot account wait for each other's commits, and the database slows down the more
of them there are. In a lane they share a transaction: the account is locked once, the disk is asked
once. Each caller still gets its own answer, and what one of them does wrong hurts none of the others.
"""

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.database import Database
from foundation.errors import Conflict
from ledger.accounts import AccountKey, account_ids
from ledger.journals import Journal, Posting
from ledger.posting import MOST_JOURNALS, post_to

Answer = TypeVar("Answer")
# What a unit does besides posting: it gets the session and the answers to its journals.
Rows = Callable[[Session, list[Posting]], Answer]


class LaneFull(Conflict):
    """Too many payments wait at this moment; try again shortly, with the same key."""

    status = 503


class LaneClosed(Conflict):
    """This process is stopping; try again, with the same key."""

    status = 503


@dataclass
class Measures:
    """What a lane has done: commits, units in them, units done alone after a fault, its longest queue."""

    commits: int = 0
    units: int = 0
    alone: int = 0
    deepest: int = 0


@dataclass(eq=False)
class _Unit(Generic[Answer]):
    """A caller's part of a commit; a coroutine waits in `awaited`, a thread in `done`."""

    journals: Sequence[Journal]
    rows: Rows[Answer] | None  # None: the answers to its journals are all it wants
    done: Future[Answer] | None = None
    awaited: asyncio.Future[Answer] | None = None

    @property
    def lines(self) -> int:
        """How much room it takes in one call of the writer."""
        return max(1, len(self.journals), sum(len(each.lines) for each in self.journals))


@dataclass(frozen=True)
class _Told:
    """What a caller is told: the answer, or the fault."""

    unit: _Unit[Any]
    answer: Any = None
    fault: Exception | None = None


class Lane:
    """Gathers units of work; `workers` threads, each with its connection, take turns at them.

    One is the fastest where this process and the database share two processors; more let a unit that
    waits for a row's lock keep fewer others waiting.

    A unit is a few journals and the rows that belong to them. All units of one commit are posted in one
    call a book, in the order they came; then each writes its rows. When anything in the batch raises,
    all of it is rolled back and every unit is done again in a transaction of its own: so one that
    raises is told so, and its neighbours never notice. Rows must therefore be written by `rows` alone.
    """

    def __init__(self, database: Database, *, workers: int = 1, most_waiting: int = 10_000) -> None:
        self.measures = Measures()
        self._database = database
        self._most_waiting = most_waiting
        self._waiting: deque[_Unit[Any]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        # Accounts are never deleted and their ids never change.
        self._accounts: dict[int, dict[AccountKey, int]] = defaultdict(dict)
        self._links = threading.local()
        self._idle = 0
        self._threads = [
            threading.Thread(target=self._work, name=f"lane-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def measured(self) -> dict[str, int]:
        """The measures so far, and how many units are waiting at this moment."""
        return {**asdict(self.measures), "waiting": self.depth}

    @property
    def depth(self) -> int:
        """How many units wait at this moment."""
        return len(self._waiting)

    def post(self, journals: Sequence[Journal], *, timeout_seconds: int = 10) -> list[Posting]:
        """Post in the next commit, and wait for it; when this returns it is on disk.

        Waits for room in a full queue. Raises LaneFull, LaneClosed, BookShut, and TimeoutError when the
        answer did not come: whether it was done is then unknown, ask again.
        """
        return self.run(journals, None, timeout_seconds=timeout_seconds)

    def run(
        self,
        journals: Sequence[Journal],
        rows: Rows[Answer] | None,
        *,
        timeout_seconds: int = 10,
    ) -> Answer:
        """`post`, and write the rows that belong to it in the same commit. Raises what `rows` raises."""
        done: Future[Answer] = Future()
        with self._changed:
            if not self._changed.wait_for(self._has_room, timeout_seconds):
                raise LaneFull(waiting=len(self._waiting))
            self._add(_Unit(journals, rows, done=done))
        return done.result(timeout_seconds)

    async def apost(self, journals: Sequence[Journal]) -> list[Posting]:
        """`post` for a coroutine. A full queue is refused at once: raises LaneFull."""
        return await self.arun(journals, None)

    async def arun(self, journals: Sequence[Journal], rows: Rows[Answer] | None) -> Answer:
        """`run` for a coroutine. A full queue is refused at once: raises LaneFull."""
        awaited: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        with self._changed:
            if not self._has_room():
                raise LaneFull(waiting=len(self._waiting))
            self._add(_Unit(journals, rows, awaited=awaited))
        return await awaited

    def close(self) -> None:
        """Take nothing new, finish what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _has_room(self) -> bool:
        return self._closed or len(self._waiting) < self._most_waiting

    def _add(self, unit: _Unit[Any]) -> None:
        if self._closed:
            raise LaneClosed
        self._waiting.append(unit)
        self.measures.deepest = max(self.measures.deepest, len(self._waiting))
        self._changed.notify()

    def _work(self) -> None:
        while batch := self._take():
            try:
                answers = self._commit(batch)
            except Exception as fault:  # noqa: BLE001 - whatever it was, its caller is told
                _tell(self._after(fault, batch))
            else:
                _tell([_Told(unit, answer) for unit, answer in zip(batch, answers, strict=True)])
        self._unlink()

    def _take(self) -> list[_Unit[Any]]:
        """This worker's share of what waits, at most one call of the writer; empty when all is done."""
        batch: list[_Unit[Any]] = []
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._closed)
            share = -(-len(self._waiting) // self._idle)
            self._idle -= 1
            room = MOST_JOURNALS
            while len(batch) < share and (not batch or self._waiting[0].lines <= room):
                unit = self._waiting.popleft()
                room -= unit.lines
                batch.append(unit)
            self._changed.notify_all()
        return batch

    def _after(self, fault: Exception, batch: Sequence[_Unit[Any]]) -> list[_Told]:
        """Each unit alone, so that the fault finds its owner; nothing again when the link was lost.

        Whether the commit was done is unknown then: rows must not be written twice, and every caller
        asks again with its own key.
        """
        lost = isinstance(fault, DBAPIError) and fault.connection_invalidated
        if lost or len(batch) == 1:
            return [_Told(unit, fault=fault) for unit in batch]
        self.measures.alone += len(batch)
        return [self._alone(unit) for unit in batch]

    def _alone(self, unit: _Unit[Any]) -> _Told:
        try:
            return _Told(unit, self._commit([unit])[0])
        except Exception as fault:  # noqa: BLE001 - it is the caller's to see
            return _Told(unit, fault=fault)

    def _commit(self, batch: Sequence[_Unit[Any]]) -> list[Any]:
        journals = [each for unit in batch for each in unit.journals]
        books = {each.org_id for each in journals}
        if len(books) == 1 and all(unit.rows is None for unit in batch):
            answers = self._commit_at_once(batch, journals)
        else:
            with self._database.transaction() as session:
                postings = self._post(session.connection(), journals)
                answers = [_answer(session, *pair) for pair in _shares(batch, postings)]
        self.measures.commits += 1
        self.measures.units += len(batch)
        return answers

    def _commit_at_once(
        self, batch: Sequence[_Unit[Any]], journals: Sequence[Journal]
    ) -> list[Any]:
        """Nothing but journals of one book: one statement is the whole transaction, one way and back."""
        accounts = self._ids(journals[0].org_id, journals)
        try:
            postings = post_to(self._link(), journals, accounts)
        except Exception:
            self._unlink()
            raise
        return [mine for _, mine in _shares(batch, postings)]

    def _link(self) -> Connection:
        """This worker's own connection, on which a statement is a transaction."""
        link: Connection | None = getattr(self._links, "link", None)
        if link is None:
            link = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._links.link = link
        return link

    def _unlink(self) -> None:
        if (link := getattr(self._links, "link", None)) is not None:
            self._links.link = None
            link.close()

    def _post(self, connection: Connection, journals: Sequence[Journal]) -> list[Posting]:
        """Each book in turn, in one order of books everywhere; the answers in the order asked."""
        by_book: dict[int, list[int]] = defaultdict(list)
        for number, journal in enumerate(journals):
            by_book[journal.org_id].append(number)
        answers: dict[int, Posting] = {}
        for book in sorted(by_book):
            mine = [journals[number] for number in by_book[book]]
            postings = post_to(connection, mine, self._ids(book, mine))
            answers.update(zip(by_book[book], postings, strict=True))
        return [answers[number] for number in range(len(journals))]

    def _ids(self, book: int, journals: Sequence[Journal]) -> dict[AccountKey, int]:
        """The accounts' ids; those met for the first time are opened in a transaction of their own."""
        known = self._accounts[book]
        unknown = {
            key
            for each in journals
            for line in each.lines
            for key in (line.debit, line.credit)
            if key not in known
        }
        if unknown:
            with self._database.transaction() as session:
                known.update(account_ids(session, book, unknown))
        return known


def _shares(
    batch: Sequence[_Unit[Any]], postings: Sequence[Posting]
) -> Iterator[tuple[_Unit[Any], list[Posting]]]:
    left = iter(postings)
    return ((unit, list(islice(left, len(unit.journals)))) for unit in batch)


def _answer(session: Session, unit: _Unit[Any], postings: list[Posting]) -> Any:  # noqa: ANN401 - the caller's own
    return postings if unit.rows is None else unit.rows(session, postings)


def _tell(told: Sequence[_Told]) -> None:
    """Wake the callers: threads one by one, the coroutines of a loop all at once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Told]] = defaultdict(list)
    for each in told:
        if each.unit.awaited is not None:
            loops[each.unit.awaited.get_loop()].append(each)
        elif each.unit.done is not None:
            _fulfil(each.unit.done, each)
    for loop, waiting in loops.items():
        # A loop that was closed meanwhile has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, waiting)


def _resolve(told: Sequence[_Told]) -> None:
    for each in told:
        awaited = each.unit.awaited
        if awaited is not None and not awaited.done():  # else its caller has given up
            _fulfil(awaited, each)


def _fulfil(future: Future[Any] | asyncio.Future[Any], told: _Told) -> None:
    if told.fault is not None:
        future.set_exception(told.fault)
    else:
        future.set_result(told.answer)
