"""Bring a database to the newest version, and tell which version it has."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine


def migrate(url: str) -> None:
    """Run every migration this database lacks; `url` is the owner's, not the service's."""
    engine = create_engine(url)
    with engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()


@cache
def newest_version() -> str:
    """The version the code expects; read once, since /readyz asks again and again."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def version_of(url: str) -> str | None:
    """The version a database has; None when it was never migrated."""
    engine = create_engine(url)
    with engine.connect() as connection:
        version = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return version


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
