"""Prove all books at one moment, shut those that do not agree, and write down what was found."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from foundation.database import Database
from foundation.ids import new_id
from identity.actor import Actor
from identity.parties import operator
from ledger.books import Check, not_agreeing, prove, take_snapshot, transfers_by_book
from ledger.proof_results import keep_proof
from ledger.rule import Rule
from ledger.rules import RULES as LEDGER_RULES
from ledger.shutting import shut_book
from payments.reconciliation.proof import RULES as PAYMENT_RULES

log = logging.getLogger(__name__)

RULES: tuple[Rule, ...] = (*LEDGER_RULES, *PAYMENT_RULES)
QUICK_RULES = tuple(rule for rule in RULES if rule.quick)
# A book is shut when its postings under way have ended; somebody may hold one of its accounts.
TIMES_TO_TRY = 5
SHUTTING_SECONDS = 60
MOST_OF_A_REASON = 500  # characters

Watch = Callable[[Iterable[Check]], Iterable[Check]]


@dataclass(frozen=True)
class Proof:
    """What a proof of all books found: the books that do not agree, and those it shut for it."""

    id: UUID
    checks: Sequence[Check]
    differing: Sequence[int]
    shut: Sequence[int]

    @property
    def broken(self) -> list[Check]:
        """The rules that do not hold."""
        return [check for check in self.checks if not check.holds]

    def as_json(self) -> dict[str, Any]:
        """The proof as it is printed."""
        return {
            "proof": str(self.id),
            "holds": not self.broken,
            "books": {"differing": list(self.differing), "shut": list(self.shut)},
            "checks": [check.as_json() for check in self.checks],
        }


def prove_books(database: Database, *, by: Actor, at: datetime, watch: Watch = iter) -> Proof:
    """[one snapshot] every rule is examined → [a transaction each] books are shut → [one] all is kept.

    Only a book that disagrees with itself is shut; a difference between two books, or with payments,
    is shown. A crash on the way leaves no half of a proof: a book that was shut stays so, and the next
    proof finds the rest. `watch` sees the checks as they come. Raises OrganisationNotFound.
    """
    id = new_id()  # noqa: A001
    with database.transaction() as session:
        snapshot = take_snapshot(session)
        keeper = operator(session).org_id
        checks = tuple(watch(prove(session, RULES)))
        transfers = transfers_by_book(session)
    shut = _shut_what_differs(database, checks, by=by, at=at)
    with database.transaction() as session:
        keep_proof(
            session,
            keeper,
            id,
            by=by,
            snapshot=snapshot,
            checks=checks,
            transfers=transfers,
            shut=shut,
        )
    return Proof(id, checks, sorted(not_agreeing(checks)), shut)


def prove_quickly(database: Database, *, by: Actor, at: datetime) -> list[Check]:
    """Examine the rules that read balances alone, and shut as `prove_books` does; nothing is kept here."""
    with database.transaction() as session:
        take_snapshot(session)
        checks = list(prove(session, QUICK_RULES))
    _shut_what_differs(database, checks, by=by, at=at)
    return checks


def _shut_what_differs(
    database: Database, checks: Sequence[Check], *, by: Actor, at: datetime
) -> list[int]:
    shut = []
    for book, found in sorted(not_agreeing(checks).items()):
        why = "; ".join(map(str, found))[:MOST_OF_A_REASON]
        if _shut(database, book, why=why, by=by, at=at):
            shut.append(book)
    return shut


def _shut(database: Database, book: int, *, why: str, by: Actor, at: datetime) -> bool:
    """Whether the book was shut now. Who waits in a ring with us may win: then it is tried again."""
    for _ in range(TIMES_TO_TRY):
        try:
            with database.transaction() as session:
                session.execute(text(f"SET LOCAL statement_timeout = '{SHUTTING_SECONDS}s'"))
                return shut_book(session, book, why=why, by=by, at=at)
        except OperationalError:
            log.warning("book %s could not be shut yet", book, exc_info=True)
    log.error("book %s does not agree and could not be shut: %s", book, why)
    return False
