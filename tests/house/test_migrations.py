"""The database that migrations build is the one the models describe."""

import importlib
import pkgutil

import pytest
from alembic import command
from sqlalchemy import Engine, NullPool, create_engine, text

import foundation
import identity
import ledger
import payments
from foundation.database import Base
from ledger.chart import JournalKind
from migrations import upgrade
from migrations.upgrade import migrate, newest_version, version_of
from service.embedded import EmbeddedServer

SCHEMAS = ("jobs", "history", "ledger", "identity", "payments")
CATALOGUE = """
SELECT format('%s.%s.%s %s %s default %s', n.nspname, c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
              coalesce(pg_get_expr(d.adbin, d.adrelid), '') || a.attidentity::text)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE n.nspname = ANY (:schemas) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('%s.%s %s %s', n.nspname, c.relname, o.conname, pg_get_constraintdef(o.oid))
  FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (:schemas) AND NOT c.relispartition AND o.contype <> 'n'
UNION ALL
SELECT pg_get_indexdef(i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY (:schemas) AND NOT c.relispartition
"""


@pytest.fixture
def bare(admin: Engine, server: EmbeddedServer):
    """An empty database, never migrated."""
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE bare"))
    yield server.url("mizon_admin", "bare")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE bare WITH (FORCE)"))


def test_migrations_from_empty_build_what_the_models_describe(bare, empty_url):
    for package in (foundation, ledger, identity, payments):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    with create_engine(bare, poolclass=NullPool).begin() as connection:
        for schema in SCHEMAS:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        Base.metadata.create_all(connection)

    migrated, described = _catalogue(empty_url), _catalogue(bare)
    assert sorted(migrated - described) == []
    assert sorted(described - migrated) == []
    assert len(migrated) > 200


def test_migrating_again_changes_nothing(empty_url):
    before = _catalogue(empty_url)
    migrate(empty_url)

    assert _catalogue(empty_url) == before
    assert version_of(empty_url) == newest_version()


def test_what_was_due_from_the_operator_is_named_by_its_number(bare):
    names = "jsonb_build_object('uz', 'x', 'ru', 'x', 'en', 'x')"
    with create_engine(bare, poolclass=NullPool).connect() as connection:
        config = upgrade._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0008")
        for statement in (
            f"INSERT INTO identity.organisation VALUES (5, '1010', 'operator', '200000001', {names})",
            f"INSERT INTO identity.organisation VALUES (7, '1020', 'agency', '200000002', {names})",
            "INSERT INTO ledger.book (org_id) VALUES (5), (7)",
            "INSERT INTO ledger.account (org_id, id, number, name, currency, normal_side)"
            " VALUES (7, 1, '1330', '', 860, 1), (7, 2, '2320', '', 860, -1)",
        ):
            connection.execute(text(statement))
        connection.commit()
    migrate(bare)

    with create_engine(bare, poolclass=NullPool).connect() as connection:
        found = connection.execute(text("SELECT number, name FROM ledger.account ORDER BY id"))
        assert [tuple(row) for row in found] == [("1330", "5"), ("2320", "")]


def test_a_database_that_was_never_migrated_has_no_version(bare):
    assert version_of(bare) is None


def test_every_key_of_a_ledger_table_begins_with_the_organisation(empty_url):
    with create_engine(empty_url, poolclass=NullPool).connect() as connection:
        rows = connection.execute(
            text("""
            SELECT o.conrelid::regclass::text AS name, o.conname, a.attname
              FROM pg_constraint o
              JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = o.conkey[1]
             WHERE o.connamespace = 'ledger'::regnamespace AND o.contype IN ('p', 'u', 'f')
               -- kinds and rates are one for all, copied to every node
               AND o.conrelid NOT IN ('ledger.journal_kind'::regclass, 'ledger.exchange_rate'::regclass)
            """)
        ).all()

    assert rows
    assert [row for row in rows if row.attname != "org_id"] == []


def test_the_kinds_of_journal_in_the_database_are_those_of_the_chart(empty_url):
    with create_engine(empty_url, poolclass=NullPool).connect() as connection:
        rows = connection.execute(text("SELECT kind, name FROM ledger.journal_kind")).all()

    assert {(row.kind, row.name) for row in rows} == {
        (kind.value, kind.name.lower()) for kind in JournalKind
    }


def _catalogue(url: str) -> set[str]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return set(connection.execute(text(CATALOGUE), {"schemas": list(SCHEMAS)}).scalars())
