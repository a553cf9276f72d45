"""A throw-away town on somebody's own server leaves nothing there and touches nothing."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from foundation.database import Database
from service.demo.database import open_database


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch, empty_url: str) -> str:
    monkeypatch.setenv("MIZON_DATABASE_URL", empty_url)
    return empty_url


def test_a_throwaway_town_has_a_database_of_its_own_and_drops_it(own_server, admin, tmp_path: Path):
    before = _databases(admin)
    with open_database(tmp_path, throwaway=True) as found:
        made = _databases(admin) - before
        database = Database(found.service_url)
        with database.transaction() as session:
            assert session.execute(text("SELECT count(*) FROM payments.bill")).scalar_one() == 0
        database.close()

    assert len(made) == 1
    assert _databases(admin) == before


def test_a_town_that_stays_lives_where_it_was_told(own_server, admin, tmp_path: Path):
    before = _databases(admin)
    with open_database(tmp_path, throwaway=False) as found:
        assert found.service_url == own_server
        assert _databases(admin) == before


def _databases(admin: Engine) -> set[str]:
    """Those of the demo; other tests make and drop theirs meanwhile."""
    with admin.connect() as connection:
        names = connection.execute(
            text("SELECT datname FROM pg_database WHERE datname LIKE 'mizon_check%'")
        )
        return set(names.scalars())
