"""Make a database to measure in: migrated, with accounts for us and for the floors, dropped afterwards."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from foundation.database import APPLICATION_ROLE, Database
from migrations.upgrade import migrate
from service.bench import floor, ours
from service.embedded import SUPERUSER, EmbeddedServer

LOGIN = "mizon_bench"
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class World:
    """A database to measure in; `accounts` of ours in each of two books, and as many of the floors'."""

    server: EmbeddedServer
    name: str
    accounts: int
    books: tuple[ours.Book, ours.Book]

    @property
    def url(self) -> str:
        """Where the service's login connects, with no right but to become its role."""
        return self.server.url(LOGIN, self.name)

    def connect(self) -> Connection:
        """A connection as the service's role; every statement is its own transaction."""
        options = f"-c role={APPLICATION_ROLE} -c timezone=UTC"
        return psycopg.connect(self.url, autocommit=True, options=options)

    def connect_as_superuser(self) -> Connection:
        """A connection that may ask for checkpoints and read the server's statistics."""
        return psycopg.connect(self.server.url(SUPERUSER, self.name), autocommit=True)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database as the service opens it, with time for long reading."""
        database = Database(
            self.url, name="mizon bench", pool_size=2, statement_timeout_seconds=600
        )
        try:
            yield database
        finally:
            database.close()


@contextmanager
def fresh_world(server: EmbeddedServer, accounts: int) -> Iterator[World]:
    """A new database on the server with empty tables; dropped in the end."""
    name = f"bench_{secrets.token_hex(6)}"
    owner_url = server.url(SUPERUSER, name)
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            migrate(owner_url)
            with psycopg.connect(owner_url, autocommit=True) as owner:
                _allow_login(owner, server.password(LOGIN))
                floor.create(owner, accounts)
                books = ours.Book.create(owner, 1, accounts), ours.Book.create(owner, 2, accounts)
                owner.execute("ANALYZE")
                owner.execute("CHECKPOINT")
            yield World(server, name, accounts, books)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _allow_login(owner: Connection, password: str) -> None:
    if owner.execute("SELECT FROM pg_roles WHERE rolname = %s", [LOGIN]).fetchone() is None:
        create = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}"
        role, member_of = sql.Identifier(LOGIN), sql.Identifier(APPLICATION_ROLE)
        owner.execute(sql.SQL(create).format(role, sql.Literal(password), member_of))


def circumstances(server: EmbeddedServer, folder: Path) -> dict[str, str]:
    """What a reader must know to compare: processors, load, versions, settings, and the disk's honesty."""
    with psycopg.connect(server.superuser_url, autocommit=True) as admin:
        asked = "SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name"
        settings: dict[str, str] = dict(admin.execute(asked, [list(SETTINGS)]).fetchall())
        version = admin.info.parameter_status("server_version") or ""
    return {
        "processors": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f}",
        "PostgreSQL": version,
        "fdatasync of 8 kB": f"{_fdatasync_microseconds(folder):.0f} us",
        **settings,
    }


def _fdatasync_microseconds(folder: Path, times: int = 100) -> float:
    """The median time in which the disk says that 8 kB are safe."""
    taken = []
    file = folder / "fdatasync"
    with file.open("wb", buffering=0) as open_file:
        for _ in range(times):
            began = time.perf_counter()
            os.pwrite(open_file.fileno(), bytes(8192), 0)
            os.fdatasync(open_file.fileno())
            taken.append((time.perf_counter() - began) * 1e6)
    file.unlink()
    return sorted(taken)[times // 2]
