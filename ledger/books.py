"""Prove the books: recompute all of it, name the first difference and every book that has one."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from ledger.evidence.records import NATIONAL
from ledger.rule import Rule
from ledger.rules import RULES

# The faults are found once and asked twice: for the first of them, and for the books they are in.
FOUND = """
WITH found AS MATERIALIZED ({broken})
SELECT (SELECT to_json(found) FROM found LIMIT 1),
       (SELECT array_agg(DISTINCT org_id ORDER BY org_id) FROM found)
"""
# Rules read whole tables and give next to nothing back, so workers may share them. What a proof needs
# of time is as much as the books have, within reason.
FOR_A_PROOF = {
    "statement_timeout": "1h",
    "work_mem": "128MB",
    "parallel_tuple_cost": "0.01",
    "jit": "off",
}


@dataclass(frozen=True)
class Snapshot:
    """The moment that is proved: when it was, and how far the database's log had come."""

    at: datetime
    lsn: str


@dataclass(frozen=True)
class Check:
    """A rule's answer: how many rows were examined, the first difference, and the books that have one."""

    rule: Rule
    examined: int
    difference: dict[str, Any] | None
    books: tuple[int, ...]
    milliseconds: int

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.rule.name

    @property
    def sentence(self) -> str:
        """What must hold."""
        return self.rule.sentence

    @property
    def holds(self) -> bool:
        """Whether no difference was found."""
        return self.difference is None

    def __str__(self) -> str:
        """The rule's name and the first difference, on one line."""
        return f"{self.name}: {in_words(self.difference or {})}"

    def as_json(self) -> dict[str, Any]:
        """The check as it is kept and printed; the difference consists of what JSON has."""
        return {
            "name": self.name,
            "sentence": self.sentence,
            "examined": self.examined,
            "milliseconds": self.milliseconds,
            "books": list(self.books),
            "difference": self.difference,
        }


def in_words(difference: Mapping[str, Any]) -> str:
    """A difference as people read it: "org_id 7, account 31, stored 100, recomputed 99"."""
    return ", ".join(f"{name} {value}" for name, value in difference.items())


def take_snapshot(session: Session) -> Snapshot:
    """Let this new transaction see one moment only, change nothing, and read all of it fast."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
    for setting, value in FOR_A_PROOF.items():
        session.execute(text(f"SET LOCAL {setting} = '{value}'"))
    moment = session.execute(text("SELECT clock_timestamp(), pg_current_wal_lsn()::text")).one()
    return Snapshot(*moment)


def prove(session: Session, rules: Sequence[Rule] = RULES) -> Iterator[Check]:
    """Examine each rule in turn, over every book; a difference is shown, never repaired."""
    counted: dict[str, int] = {}
    for rule in rules:
        began = time.monotonic_ns()
        if rule.counted not in counted:
            counted[rule.counted] = _ask(session, rule.counted)[0]
        difference, books = _broken(session, rule)
        spent = (time.monotonic_ns() - began) // 1_000_000
        yield Check(rule, counted[rule.counted], difference, tuple(books or ()), spent)


def transfers_by_book(session: Session) -> dict[int, int]:
    """How many transfers each book has; 0 for an empty one."""
    counted = session.execute(
        text(
            "SELECT org_id, coalesce(t.n, 0) AS transfers FROM ledger.book LEFT JOIN"
            " (SELECT org_id, count(*) AS n FROM ledger.transfer GROUP BY org_id) t USING (org_id)"
        )
    )
    return {row.org_id: row.transfers for row in counted}


def not_agreeing(checks: Iterable[Check]) -> dict[int, list[Check]]:
    """The books that do not agree with themselves, each with what shows it: they are to be shut."""
    found: dict[int, list[Check]] = {}
    for check in checks:
        for book in check.books if check.rule.shuts else ():
            if book != NATIONAL:  # the tree over all books is none of them
                found.setdefault(book, []).append(check)
    return found


def against_each_book(checks: Sequence[Check], books: Iterable[int]) -> dict[int, list[str]]:
    """The names of the rules that speak against each book; of a sound one there are none.

    A rule that could not be computed shuts no book, since it names none, but it speaks for none either.
    """
    shut = not_agreeing(checks)
    unknown = [check for check in checks if check.rule.shuts and not (check.holds or check.books)]
    return {book: [check.name for check in shut.get(book, []) + unknown] for book in books}


def _broken(session: Session, rule: Rule) -> tuple[dict[str, Any] | None, list[int] | None]:
    try:
        # A rule that cannot be computed does not hold, and does not keep the others from being asked.
        with session.begin_nested():
            if callable(rule.broken):
                faults = list(rule.broken(session))
                return next(iter(faults), None), sorted({fault["org_id"] for fault in faults})
            difference, books = _ask(session, FOUND.format(broken=rule.broken))
    except DataError as fault:
        return {"fault": str(fault.orig).splitlines()[0]}, None
    return difference, books


def _ask(session: Session, query: str) -> Any:  # noqa: ANN401 - one row of whatever the query asks
    # As it stands, with no parameters: colons and percent signs in a rule are SQL's own.
    plain = {"no_parameters": True}
    return session.connection().exec_driver_sql(query, execution_options=plain).one()
