"""Seal what was posted: committed journals become leaves of their book's tree, behind the write path.

Leaves are hashed in the database, where their rows are; 32 bytes of each travel. The tree above them
grows here.
"""

from typing import Any

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.database import Database
from ledger.arrays import BIGINT, numbers
from ledger.evidence.records import tiles_of
from ledger.evidence.tree import HASH, Grown, TileTooShort, append
from ledger.transfers import Unsealed

MOST_LEAVES = 20_000  # of a book, in one transaction: some 0.2 seconds


class JournalsMissing(Exception):
    """Journals that wait to be sealed are not in the ledger: somebody has deleted them."""


def seal(session: Session, org_id: int, *, most: int = MOST_LEAVES) -> int:
    """Seal what waits in a book, oldest first and about `most` journals; answers how many it sealed.

    The tree grows, the calls leave the queue and their transfers enter the totals of their days, all in
    the caller's transaction. Nothing is done while another sealer is at this book. Raises
    JournalsMissing and TileTooShort: rows were changed, and `mizon prove` says which.
    """
    taken = session.execute(
        text("SELECT * FROM ledger.next_to_seal(:org, :most)"), {"org": org_id, "most": most}
    ).one()
    if not taken.batches:
        return 0
    hashes = taken.leaf_hashes or b""
    if len(hashes) != HASH * taken.journals:
        raise JournalsMissing(
            f"book {org_id}: {taken.journals} wait, {len(hashes) // HASH} are there"
        )
    grown = append(tiles_of(session, org_id, taken.size), taken.size, [hashes])
    session.execute(
        text(
            "SELECT ledger.seal(:org, :batches, :old_size, :size, :root,"
            " CAST(:levels AS smallint[]), CAST(:firsts AS bigint[]), CAST(:pieces AS bytea[]))"
        ),
        {
            "org": org_id,
            "batches": numbers(BIGINT, taken.batches),
            "old_size": taken.size,
            **as_arrays(grown),
        },
    )
    return int(taken.journals)


def seal_books(database: Database, *, most: int = MOST_LEAVES) -> int:
    """One round over every book in which something waits; answers how many journals were sealed.

    Each book has a transaction of its own, and one that cannot be sealed keeps no other waiting: what
    was wrong with the first of them is raised in the end.
    """
    with database.transaction() as session:
        books = session.scalars(select(Unsealed.org_id).distinct().order_by(Unsealed.org_id)).all()
    sealed, faults = 0, list[Exception]()
    for book in books:
        try:
            with database.transaction() as session:
                sealed += seal(session, book, most=most)
        except (JournalsMissing, TileTooShort, DBAPIError) as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return sealed


def as_arrays(grown: Grown) -> dict[str, Any]:
    """A tree's growth, as the functions of the database take it."""
    return {
        "size": grown.size,
        "root": grown.root,
        "levels": [piece.level for piece in grown.pieces],
        "firsts": [piece.first for piece in grown.pieces],
        "pieces": [piece.hashes for piece in grown.pieces],
    }
