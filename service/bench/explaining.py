"""How long reading takes in the database itself: planning and execution, as EXPLAIN ANALYZE says."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from foundation.database import Database

EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "


def spent_milliseconds(database: Database, read: Callable[[Session], object]) -> float:
    """Run the read, then ask the server for the time of every query it made."""
    asked: list[tuple[str, Any]] = []

    def hear(*told: Any) -> None:  # noqa: ANN401 - the event's six arguments
        asked.append((told[2], told[3]))

    event.listen(database.engine, "before_cursor_execute", hear)
    try:
        with database.transaction() as session:
            read(session)
    finally:
        event.remove(database.engine, "before_cursor_execute", hear)
    return sum(_milliseconds(database, query, values) for query, values in asked)


def _milliseconds(database: Database, query: str, values: Any) -> float:  # noqa: ANN401 - the driver's
    with database.transaction() as session:
        run = session.connection().exec_driver_sql
        (plan,) = run(EXPLAIN + query, values).scalar_one()
    return float(plan["Planning Time"]) + float(plan["Execution Time"])
