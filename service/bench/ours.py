"""Our side of the comparison: every call that `mizon bench` makes to the ledger is here."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Self

import psycopg
from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from foundation.database import Database
from foundation.errors import Conflict
from ledger.accounts import AccountKey
from ledger.arrays import BIGINT, BYTEA_OID, DATE, INTEGER, SMALLINT, UUID_OID, numbers, octets
from ledger.balances import standing, statement
from ledger.books import prove
from ledger.chart import BANK, JournalKind
from ledger.journals import Journal, Outcome, Posting, Transfer
from ledger.lane import Lane
from ledger.money import Money, numeric_code
from ledger.rules import RULES

Connection = psycopg.Connection[tuple[Any, ...]]
# Limits in force and far away: they are decided at every transfer and refuse none.
LEAST_AVAILABLE, MOST_BALANCE = -(10**15), 10**15
CURRENCY = "UZS"
REQUEST_HASH = bytes(range(32))
EPOCH = date(2000, 1, 1).toordinal()  # PostgreSQL's

OPEN_ACCOUNTS = """
INSERT INTO ledger.account
       (org_id, id, number, name, currency, normal_side, min_available, max_balance)
SELECT %s, nextval('ledger.account_id'), %s, 'bench ' || n, %s, %s, %s, %s
  FROM generate_series(1, %s) AS n
RETURNING id
"""
# For the callers of service/bench/callers.py. Keys are random, as digests of sources and keys are.
CALL = """\
SELECT first_id FROM ledger.post_one({book}, :debit, :credit, 100, gen_random_uuid(), \
'{hash}'::bytea, {kind}::smallint, '{effective}'::date, NULL)"""
CALL_MANY = """
SELECT first_id, outcomes
  FROM ledger.post(%s::integer, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s)
"""


class BooksDiffer(Conflict):
    """The books do not agree after the measurement."""


class JournalRefused(Conflict):
    """A journal of the measurement was refused: its figures would be of something else."""


@dataclass(frozen=True)
class Book:
    """A book with accounts from `first` to `last`, all open and all with limits."""

    org_id: int
    first: int
    last: int

    @classmethod
    def create(cls, owner: Connection, org_id: int, accounts: int) -> Self:
        """Open the book and its accounts."""
        owner.execute("SELECT ledger.open_book(%s::integer)", [org_id])
        values = [org_id, BANK.number, numeric_code(CURRENCY), BANK.side.value]
        values += [LEAST_AVAILABLE, MOST_BALANCE, accounts]
        ids = [row[0] for row in owner.execute(OPEN_ACCOUNTS, values).fetchall()]
        if max(ids) - min(ids) != accounts - 1:
            raise RuntimeError("the accounts of a new book have no ids in a row")
        return cls(org_id, min(ids), max(ids))

    @property
    def call(self) -> str:
        """One transfer of 100 in one journal: a call of the single function."""
        return CALL.format(
            book=self.org_id,
            hash=f"\\x{REQUEST_HASH.hex()}",
            kind=int(JournalKind.PAYMENT_CONFIRMED),
            effective=business_date(now()),
        )

    def journal(self, key: str, debit: int, credit: int) -> Journal:
        """One transfer of 100, as a caller of the ledger writes it; the sides are places, from 1."""
        moved = Transfer(self._account(debit), self._account(credit), Money(100, CURRENCY))
        kind = JournalKind.PAYMENT_CONFIRMED
        return Journal(self.org_id, "bench", key, kind, business_date(now()), [moved])

    def _account(self, place: int) -> AccountKey:
        return AccountKey(BANK, f"bench {place}", CURRENCY)


@dataclass(frozen=True)
class Batch:
    """What callers ask in one call: journals of one transfer of 100 each, their keys made already."""

    book: Book
    debits: Sequence[int]
    credits: Sequence[int]
    keys: Sequence[bytes]
    documents: Sequence[str] | None

    @classmethod
    def of(cls, book: Book, debits: Sequence[int], credits: Sequence[int]) -> Self:
        """A batch of new journals without documents; the sides are places in the book, from 1."""
        return cls(book, debits, credits, [os.urandom(16) for _ in debits], None)

    def with_documents(self) -> Self:
        """The same batch with a short document beside each journal, as every caller of `post` has one."""
        documents = [f'{{"source": "bench", "key": "{key.hex()}"}}' for key in self.keys]
        return replace(self, documents=documents)


def post_many(connection: Connection, batch: Batch, amount: int = 100) -> None:
    """Post a batch: pack it, send it, read the answer. Raises JournalRefused."""
    n = len(batch.keys)
    used = sorted({*batch.debits, *batch.credits})
    place = {account: i for i, account in enumerate(used, start=1)}
    today = business_date(now()).toordinal() - EPOCH
    values = [
        batch.book.org_id,
        numbers(BIGINT, [batch.book.first + account - 1 for account in used]),
        octets(UUID_OID, batch.keys),
        octets(BYTEA_OID, [REQUEST_HASH] * n),
        numbers(SMALLINT, [int(JournalKind.PAYMENT_CONFIRMED)] * n),
        numbers(DATE, [today] * n),
        numbers(SMALLINT, [1] * n),
        batch.documents,
        numbers(INTEGER, [place[account] for account in batch.debits]),
        numbers(INTEGER, [place[account] for account in batch.credits]),
        numbers(BIGINT, [amount] * n),
    ]
    answer = connection.execute(CALL_MANY, values, binary=True).fetchone()
    if answer is None or answer[0] is None:  # without a first id the outcomes say it one by one
        raise JournalRefused(outcomes=answer and sorted(set(answer[1])))


@contextmanager
def open_lane(database: Database) -> Iterator[Lane]:
    """A lane with one connection, as the service has it."""
    lane = Lane(database)
    try:
        yield lane
    finally:
        lane.close()


async def pay(lane: Lane, journal: Journal) -> None:
    """Post one journal with whatever else waits in the lane. Raises JournalRefused."""
    _require_posted(await lane.arun([journal], _answers))


def pay_together(lane: Lane, journals: Sequence[Journal]) -> None:
    """Post journals as one unit of the lane. Raises JournalRefused."""
    _require_posted(lane.run(journals, _answers))


def _answers(_: Session, postings: list[Posting]) -> list[Posting]:
    return postings


def _require_posted(postings: Sequence[Posting]) -> None:
    refused = {posting.outcome.name for posting in postings} - {Outcome.POSTED.name}
    if refused:
        raise JournalRefused(outcomes=sorted(refused))


def check_answers(connection: Connection) -> None:
    """Whether all that was measured was posted. Raises JournalRefused."""
    asked = "SELECT array_agg(DISTINCT outcome) FROM ledger.journal WHERE outcome <> 1"
    refused = connection.execute(asked).fetchone()
    if refused is not None and refused[0]:
        raise JournalRefused(outcomes=refused[0])


def check_balances(session: Session) -> None:
    """Whether the books still agree after the measurement. Raises BooksDiffer."""
    prove_rule(session, "balances")


def prove_rule(session: Session, name: str) -> None:
    """One rule of `mizon prove` over everything in the database. Raises BooksDiffer."""
    for check in prove(session, tuple(rule for rule in RULES if rule.name == name)):
        if not check.holds:
            raise BooksDiffer(rule=name, difference=check.difference)


def reading(book: Book, account: int, before_seq: int) -> dict[str, Callable[[Session], object]]:
    """What people ask of one account, each as one read."""
    return {
        "balance": lambda session: standing(session, book.org_id, account),
        "statement page": lambda session: statement(
            session, book.org_id, account, before_seq=before_seq
        ),
    }
