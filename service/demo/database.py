"""The town's database: the embedded one, or one on the server that MIZON_DATABASE_URL names."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from foundation.database import APPLICATION_ROLE
from migrations.upgrade import migrate, newest_version, version_of
from service.embedded import EmbeddedServer

SERVICE_LOGIN = "mizon_service"


@dataclass(frozen=True)
class TownDatabase:
    """Where the town lives: `server` is ours to keep running, None on somebody else's."""

    server: EmbeddedServer | None
    owner_url: str
    service_url: str


@contextmanager
def open_database(home: Path, *, throwaway: bool) -> Iterator[TownDatabase]:
    """A migrated database; a throw-away town never touches the one that is configured."""
    given = os.environ.get("MIZON_DATABASE_URL")
    if given is None:
        with EmbeddedServer(home) as server:
            found = TownDatabase(server, server.superuser_url, server.url(SERVICE_LOGIN))
            _prepare(found.owner_url)
            _allow_service(found.owner_url, server.password(SERVICE_LOGIN))
            yield found
        return
    owner = os.environ.get("MIZON_OWNER_DATABASE_URL", given)
    if not throwaway:
        _prepare(owner)
        yield TownDatabase(None, owner, given)
        return
    name = f"mizon_check_{secrets.token_hex(6)}"
    _run(owner, f"CREATE DATABASE {name}")
    try:
        _prepare(_named(owner, name))
        yield TownDatabase(None, _named(owner, name), _named(given, name))
    finally:
        _run(owner, f"DROP DATABASE {name} WITH (FORCE)")


def _prepare(owner_url: str) -> None:
    if version_of(owner_url) != newest_version():
        migrate(owner_url)


def _allow_service(owner_url: str, password: str) -> None:
    """Let the service's login become its role; it has no right of its own."""
    engine = create_engine(owner_url)
    with engine.begin() as connection:
        found = text("SELECT FROM pg_roles WHERE rolname = :login")
        if connection.execute(found, {"login": SERVICE_LOGIN}).first() is None:
            role = f"CREATE ROLE {SERVICE_LOGIN} LOGIN PASSWORD '{password}' IN ROLE {APPLICATION_ROLE}"
            connection.execute(text(role))
    engine.dispose()


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)
