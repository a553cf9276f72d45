"""Prove the books: recompute everything from the transfers alone and name the first difference."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from ledger.rules import RULES, Rule


@dataclass(frozen=True)
class Check:
    """A rule's answer: how many rows were examined, and the first difference if there is one."""

    name: str
    sentence: str
    examined: int
    difference: dict[str, Any] | None

    @property
    def holds(self) -> bool:
        """Whether no difference was found."""
        return self.difference is None


def prove(session: Session, rules: tuple[Rule, ...] = RULES) -> Iterator[Check]:
    """Examine each rule in turn, over every book; a difference is shown, never repaired."""
    connection = session.connection()
    # As it stands, with no parameters: colons and percent signs in a rule are SQL's own.
    plain = {"no_parameters": True}
    for rule in rules:
        examined = connection.exec_driver_sql(rule.counted, execution_options=plain).scalar_one()
        found = connection.exec_driver_sql(f"{rule.broken} LIMIT 1", execution_options=plain)
        first = found.mappings().first()
        yield Check(rule.name, rule.sentence, examined, dict(first) if first else None)
