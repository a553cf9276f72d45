"""What proofs found, kept: each run whole, each of its rules, and each book it spoke for or against."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Text,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import NotFound
from ledger.books import Check, Snapshot, against_each_book


class ProofNotFound(NotFound):
    """There is no such proof."""


class ProofRow(Base):
    """One proof of all books; `started_at` is the moment that was proved, `shut` the books it shut.

    `org_id` is the operator, who keeps the books; `lsn` says how far the database's log had come.
    """

    __tablename__ = "proof"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    lsn: Mapped[str] = mapped_column(Text)
    rules: Mapped[int] = mapped_column(Integer)
    broken: Mapped[int] = mapped_column(Integer)
    examined: Mapped[int] = mapped_column(BigInteger)
    shut: Mapped[list[int]] = mapped_column(ARRAY(Integer))

    @property
    def milliseconds(self) -> int:
        """How long it took, from the snapshot until all was written down."""
        spent = self.ended_at - self.started_at
        return (spent.days * 86_400 + spent.seconds) * 1000 + spent.microseconds // 1000


class ProofCheck(Base):
    """What one rule found in one proof; `place` is its turn."""

    __tablename__ = "proof_check"
    __table_args__ = (
        ForeignKeyConstraint(["org_id", "proof"], ["ledger.proof.org_id", "ledger.proof.id"]),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    proof: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    examined: Mapped[int] = mapped_column(BigInteger)
    milliseconds: Mapped[int] = mapped_column(Integer)
    books: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    difference: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class ProofBook(Base):
    """What a proof said of one book: it agrees when no rule is `broken`."""

    __tablename__ = "proof_book"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    proof: Mapped[UUID] = mapped_column(primary_key=True)
    proved_at: Mapped[datetime]
    transfers: Mapped[int] = mapped_column(BigInteger)
    broken: Mapped[list[str]] = mapped_column(ARRAY(Text))


def keep_proof(
    session: Session,
    keeper: int,
    id: UUID,
    *,
    by: object,
    snapshot: Snapshot,
    checks: Sequence[Check],
    transfers: Mapping[int, int],
    shut: Sequence[int],
) -> ProofRow:
    """Write a proof down, whole; `transfers` counts those of each book that it spoke of."""
    against = against_each_book(checks, transfers)
    books = [
        {"org_id": book, "transfers": count, "broken": against[book]}
        for book, count in sorted(transfers.items())
    ]
    session.execute(
        text(
            "SELECT ledger.keep_proof(:keeper, :id, :by, :started, :lsn, CAST(:shut AS integer[]),"
            " CAST(:checks AS json), CAST(:books AS json))"
        ),
        {
            "keeper": keeper,
            "id": id,
            "by": str(by),
            "started": snapshot.at,
            "lsn": snapshot.lsn,
            "shut": list(shut),
            "checks": json.dumps([check.as_json() for check in checks]),
            "books": json.dumps(books),
        },
    )
    return session.get_one(ProofRow, (keeper, id))


def find_proof(session: Session, keeper: int, id: UUID) -> ProofRow:
    """One proof. Raises ProofNotFound."""
    found = session.get(ProofRow, (keeper, id))
    if found is None:
        raise ProofNotFound(proof=id)
    return found


def last_proof(session: Session, keeper: int) -> ProofRow | None:
    """The newest proof."""
    proofs = recent_proofs(session, keeper, limit=1)
    return proofs[0] if proofs else None


def recent_proofs(session: Session, keeper: int, *, limit: int) -> list[ProofRow]:
    """The newest proofs, newest first."""
    query = select(ProofRow).where(ProofRow.org_id == keeper)
    return list(session.scalars(query.order_by(ProofRow.id.desc()).limit(limit)))


def checks_of(session: Session, proof: ProofRow) -> list[ProofCheck]:
    """What each rule found, in their order."""
    query = select(ProofCheck).where(
        ProofCheck.org_id == proof.org_id, ProofCheck.proof == proof.id
    )
    return list(session.scalars(query.order_by(ProofCheck.place)))


def last_of_each_book(session: Session) -> list[ProofBook]:
    """What the newest proof of each book said of it."""
    query = select(ProofBook).ext(distinct_on(ProofBook.org_id))
    return list(session.scalars(query.order_by(ProofBook.org_id, ProofBook.proof.desc())))
