"""What is kept of the trees and their heads, and the reader of their tiles. Log 0 is the national one.

Only the functions of migrations/sql/0008_sealing.sql write; no row but a tree's own is ever changed.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from ledger.evidence.tree import HEIGHT, Place, Reader

NATIONAL = 0
TILES = """
SELECT w.level, w.index, string_agg(t.hashes, '' ORDER BY t.first) AS hashes
  FROM unnest(CAST(:levels AS smallint[]), CAST(:indexes AS bigint[])) AS w (level, index)
  JOIN ledger.tile t ON t.org_id = :log AND t.level = w.level
                    AND t.first >= w.index * 256 AND t.first < (w.index + 1) * 256
 GROUP BY w.level, w.index
"""


class SealedBatch(Base):
    """A call of the writer in the tree of its book: a journal's leaf is `first_leaf` + its place."""

    __tablename__ = "sealed_batch"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    batch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_leaf: Mapped[int] = mapped_column(BigInteger)
    journals: Mapped[int] = mapped_column(SmallInteger)


class TreeRow(Base):
    """The size and root that a log has reached."""

    __tablename__ = "tree"
    __table_args__ = (
        CheckConstraint("octet_length(root) = 32", name="root"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes] = mapped_column(LargeBinary)


class TilePiece(Base):
    """Hashes beside each other on a level, from place `first` on; never more than a tile has room for."""

    __tablename__ = "tile"
    __table_args__ = (
        CheckConstraint(
            "octet_length(hashes) % 32 = 0"
            " and octet_length(hashes) between 32 and (256 - first % 256) * 32",
            name="hashes",
        ),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)


class TreeHead(Base):
    """A signed head; of a book also its place in the national tree."""

    __tablename__ = "tree_head"
    __table_args__ = (
        CheckConstraint("(org_id = 0) = (national_leaf is null)", name="national"),
        Index(None, "national_leaf"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    national_leaf: Mapped[int | None] = mapped_column(BigInteger)


class SigningKey(Base):
    """A public key that has signed heads, old ones too; those of log 0 sign every log."""

    __tablename__ = "signing_key"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    used_from: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


def tiles_of(session: Session, log: int, *leaves: int) -> Reader:
    """The stored tiles of a log; one that is not there is empty.

    Those above `leaves`, which is most of what a path needs, are read at once; others as they are asked.
    """
    above = {
        (level, leaf >> HEIGHT * (level + 1))
        for leaf in leaves
        for level in range(-(-leaf.bit_length() // HEIGHT))
    }
    known = dict.fromkeys(above, b"")
    for level, index, hashes in session.execute(text(TILES), _arrays(log, above)):
        known[level, index] = hashes

    def read(level: int, index: int) -> bytes:
        if (level, index) not in known:
            found = session.execute(text(TILES), _arrays(log, {(level, index)})).one_or_none()
            known[level, index] = found.hashes if found else b""
        return known[level, index]

    return read


def _arrays(log: int, places: Collection[Place]) -> dict[str, Any]:
    return {
        "log": log,
        "levels": [level for level, _ in places],
        "indexes": [index for _, index in places],
    }
