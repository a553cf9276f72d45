"""What the sealer does to day totals, without its trees: calls are folded and leave the queue."""

from sqlalchemy import NullPool, create_engine, text

from foundation.database import Database
from ledger.books import prove
from ledger.periods.proof import RULES


def seal(url: str, *, org_id: int = 1, calls: int | None = None, skip: int = 0) -> int:
    """Fold the oldest calls of a book after the first `skip` of them; returns how many."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        taken = connection.execute(
            text(
                "DELETE FROM ledger.unsealed WHERE org_id = :org AND batch IN ("
                " SELECT batch FROM ledger.unsealed WHERE org_id = :org"
                " ORDER BY batch OFFSET :skip LIMIT :calls) RETURNING batch"
            ),
            {"org": org_id, "skip": skip, "calls": calls},
        )
        batches = list(taken.scalars())
        connection.execute(
            text("SELECT ledger.fold_days(:org, :batches)"), {"org": org_id, "batches": batches}
        )
    return len(batches)


def broken(database: Database) -> set[str]:
    """The rules of days and periods that do not hold."""
    with database.transaction() as session:
        return {check.name for check in prove(session, RULES) if not check.holds}
