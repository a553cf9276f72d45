"""A real PostgreSQL for every test: one server a run, one database a test, copied from a template."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from foundation.database import Database
from migrations.upgrade import migrate
from service.embedded import EmbeddedServer
from tests.given import Given

TEMPLATE = "mizon_template"
TOWN = "mizon_town"


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """The run's own server; it forgets everything afterwards, so it need not be careful."""
    with (
        tempfile.TemporaryDirectory(prefix="mizon-test-") as home,
        EmbeddedServer(Path(home), throwaway=True) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def admin(server: EmbeddedServer) -> Iterator[Engine]:
    engine = create_engine(server.superuser_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def templates(server: EmbeddedServer, admin: Engine) -> None:
    """A migrated database, and one with the demo town in it."""
    _run(admin, f"CREATE DATABASE {TEMPLATE}")
    migrate(server.url("mizon_admin", TEMPLATE))
    _run(admin, f"CREATE DATABASE {TOWN} TEMPLATE {TEMPLATE}")
    database = Database(server.url("mizon_admin", TOWN))
    Given(database).town()
    database.close()


@pytest.fixture(scope="session")
def service_login(server: EmbeddedServer, admin: Engine, templates: None) -> str:
    """A login as the service has it in production: no right but to become its role."""
    password = server.password("test_service")
    _run(admin, f"CREATE ROLE test_service LOGIN PASSWORD '{password}' IN ROLE mizon_app")
    return "test_service"


@pytest.fixture
def empty_url(server: EmbeddedServer, admin: Engine, templates: None) -> Iterator[str]:
    """The superuser's address of a migrated, empty database."""
    yield from _copy(server, admin, TEMPLATE)


@pytest.fixture
def owner_url(server: EmbeddedServer, admin: Engine, templates: None) -> Iterator[str]:
    """The superuser's address of a database with the demo town."""
    yield from _copy(server, admin, TOWN)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    """A migrated, empty database, as the service's role sees it."""
    database = Database(empty_url)
    yield database
    database.close()


@pytest.fixture
def db(owner_url: str) -> Iterator[Database]:
    """The demo town's database, as the service's role sees it."""
    database = Database(owner_url)
    yield database
    database.close()


@pytest.fixture
def given(db: Database) -> Given:
    return Given(db)


def _copy(server: EmbeddedServer, admin: Engine, template: str) -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    _run(admin, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.url("mizon_admin", name)
    _run(admin, f"DROP DATABASE {name} WITH (FORCE)")


def _run(admin: Engine, statement: str) -> None:
    with admin.connect() as connection:
        connection.execute(text(statement))
