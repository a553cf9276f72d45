"""The database: connections that drop to the service's role, and transactions opened by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, MetaData, Uuid, create_engine
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker

# Every query of the service runs as this role: it owns nothing and cannot write to the ledger.
APPLICATION_ROLE = "mizon_app"

Minor = Annotated[int, mapped_column(BigInteger)]


class Base(DeclarativeBase):
    """Every table of Mizon; constraint names follow one pattern in models and migrations alike."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        dict[str, str]: JSONB,
        list[dict[str, Any]]: JSONB,
        UUID: Uuid,
    }


def storable(words: str) -> str:
    """The words as PostgreSQL can keep them: without NUL, lone surrogates replaced."""
    return words.replace("\x00", "").encode("utf-8", "replace").decode()


class Database:
    """A pool of connections as the service's role; `transaction()` is the only way to a session."""

    def __init__(
        self,
        url: str,
        *,
        name: str = "mizon",
        pool_size: int = 10,
        statement_timeout_seconds: int = 10,
    ) -> None:
        limits = {
            "role": APPLICATION_ROLE,
            "timezone": "UTC",
            "statement_timeout": f"{statement_timeout_seconds}s",
            "lock_timeout": f"{statement_timeout_seconds}s",
            "idle_in_transaction_session_timeout": "60s",
        }
        self.url = url
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=statement_timeout_seconds,
            pool_pre_ping=True,  # a killed server leaves dead connections: notice before using one
            connect_args={
                "application_name": name,
                "options": " ".join(f"-c {key}={value}" for key, value in limits.items()),
                "connect_timeout": statement_timeout_seconds,
            },
        )
        self._sessions = sessionmaker(self.engine, autobegin=False, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: commits when the block ends, rolls back when it raises."""
        with self._sessions() as session, session.begin():
            yield session

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()
