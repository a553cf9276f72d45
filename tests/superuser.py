"""Do behind the service's back what it may not: damage rows, move clocks, close doors."""

from typing import Any

from sqlalchemy import NullPool, create_engine, text


def as_superuser(url: str, *statements: str, **values: Any) -> None:
    """Run statements in one transaction as the database's superuser."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def rows(url: str, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), values)]
