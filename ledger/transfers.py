"""The rows of the ledger: transfers, journals and what stands beside them. Only `ledger.post` writes."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from foundation.database import Base


class TransferRow(Base):
    """A posted transfer. Never changed; sequences and balances are those it left behind.

    `debit_previous` and `credit_previous` are the transfers before it on its two accounts (0: none).
    `carried_from` is the day it was meant for, when that day was closed already.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("amount_minor > 0 and debit_account <> credit_account", name="sound"),
        Index(None, "posted_at", postgresql_using="brin"),
        {"schema": "ledger", "postgresql_partition_by": "RANGE (id)"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    debit_account: Mapped[int] = mapped_column(BigInteger)
    credit_account: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    debit_seq: Mapped[int] = mapped_column(BigInteger)
    credit_seq: Mapped[int] = mapped_column(BigInteger)
    debit_balance: Mapped[int] = mapped_column(BigInteger)
    credit_balance: Mapped[int] = mapped_column(BigInteger)
    debit_previous: Mapped[int] = mapped_column(BigInteger)
    credit_previous: Mapped[int] = mapped_column(BigInteger)
    posted_at: Mapped[datetime]
    effective: Mapped[date]
    currency: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[int] = mapped_column(SmallInteger)
    journal: Mapped[UUID]
    carried_from: Mapped[date | None]
    hold: Mapped[UUID | None]
    reverses: Mapped[int | None] = mapped_column(BigInteger)


class Landmark(Base):
    """Every sixty-fourth transfer of an account: where a reader of its statement may begin."""

    __tablename__ = "landmark"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    account: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    transfer: Mapped[int] = mapped_column(BigInteger)


class JournalRow(Base):
    """A journal's permanent key, the hash of its request, its outcome and its place in its batch.

    `commitment` is SHA-256 over the salt and the text of its document; empty when it has none.
    """

    __tablename__ = "journal"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    outcome: Mapped[int] = mapped_column(SmallInteger)
    first_id: Mapped[int | None] = mapped_column(BigInteger)
    transfers: Mapped[int] = mapped_column(SmallInteger)
    batch: Mapped[int] = mapped_column(BigInteger)
    place: Mapped[int] = mapped_column(SmallInteger)
    commitment: Mapped[bytes] = mapped_column(LargeBinary)


class JournalDoc(Base):
    """What a journal was about, for people; erased, both columns are empty and the proofs still hold."""

    __tablename__ = "journal_doc"
    __table_args__ = (
        CheckConstraint("(salt is null) = (doc is null)", name="erased"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    salt: Mapped[UUID | None]
    doc: Mapped[dict[str, Any] | None]


class JournalKindRow(Base):
    """The kinds of journal, and what the writer lets them do.

    `memo`: may have no lines; `adjusts`: may be posted to a day that is closed softly; `carries`: is
    posted on the first open day when its own is closed.
    """

    __tablename__ = "journal_kind"
    __table_args__ = (UniqueConstraint("name"), {"schema": "ledger"})

    kind: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    memo: Mapped[bool] = mapped_column(server_default=text("false"))
    adjusts: Mapped[bool] = mapped_column(server_default=text("false"))
    carries: Mapped[bool] = mapped_column(server_default=text("true"))


class HoldRow(Base):
    """Money set aside; `debit_free` and `credit_free`: nothing of it counts on that account any more."""

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("state in (1, 2, 3)", name="state"),
        CheckConstraint(
            "amount_minor > 0 and captured_minor >= 0 and released_minor >= 0"
            " and captured_minor + released_minor <= amount_minor",
            name="amount",
        ),
        CheckConstraint(
            "(state = 2) = (captured_minor + released_minor = amount_minor)", name="done"
        ),
        Index("hold_debit_idx", "org_id", "debit_account", postgresql_where=text("not debit_free")),
        Index(
            "hold_credit_idx", "org_id", "credit_account", postgresql_where=text("not credit_free")
        ),
        {"schema": "ledger", "postgresql_with": {"fillfactor": 70}},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hold: Mapped[UUID] = mapped_column(primary_key=True)
    debit_account: Mapped[int] = mapped_column(BigInteger)
    credit_account: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    captured_minor: Mapped[int] = mapped_column(BigInteger)
    released_minor: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None]
    currency: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[int] = mapped_column(SmallInteger)
    debit_free: Mapped[bool]
    credit_free: Mapped[bool]


class HoldLine(Base):
    """What a journal did to a hold without moving money: 1 placed, 2 released."""

    __tablename__ = "hold_line"
    __table_args__ = (
        CheckConstraint("what in (1, 2)", name="what"),
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(None, "org_id", "hold"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    leg: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    hold: Mapped[UUID]
    what: Mapped[int] = mapped_column(SmallInteger)
    debit_account: Mapped[int] = mapped_column(BigInteger)
    credit_account: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    posted_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class CaptureRow(Base):
    """A transfer that captured a hold: by it a hold's captures are found."""

    __tablename__ = "capture"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    hold: Mapped[UUID] = mapped_column(primary_key=True)
    transfer: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class ReversalTotal(Base):
    """How much of a transfer has been taken back; never more than it was."""

    __tablename__ = "reversal"
    __table_args__ = (
        CheckConstraint("reversed_minor between 1 and amount_minor", name="reversed"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    transfer: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    reversed_minor: Mapped[int] = mapped_column(BigInteger)


class Unsealed(Base):
    """A call of the writer that no tree holds yet, with its journals in order; the sealer deletes it."""

    __tablename__ = "unsealed"
    __table_args__ = {"schema": "ledger"}
    # The table has no key: it is a queue, read whole. The mapper needs one to tell rows apart.
    __mapper_args__ = {"primary_key": ["org_id", "batch"]}

    batch: Mapped[int] = mapped_column(BigInteger)
    org_id: Mapped[int] = mapped_column(Integer)
    journals: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
