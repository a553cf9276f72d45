"""Alembic's environment: the owner's connection is handed in by the caller."""

from alembic import context
from sqlalchemy import Connection, create_engine

from foundation.database import Base

SCHEMAS = ("jobs", "history", "ledger", "identity", "payments")


def run(connection: Connection) -> None:
    """Upgrade or downgrade on this connection; DDL waits for no lock longer than two seconds."""
    connection.exec_driver_sql("SET lock_timeout = '2s'")
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_schemas=True,
        include_name=lambda name, kind, _: kind != "schema" or name in SCHEMAS,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "").connect() as opened:
        run(opened)
