"""Post journals of two-sided transfers through the one writer, `ledger.post` in the database."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Conflict
from ledger.accounts import AccountKey, account_id
from ledger.chart import JournalKind
from ledger.money import Money


class Outcome(IntEnum):
    """What became of a journal; the codes are those of `ledger.post` and are stored for ever."""

    POSTED = 1
    KEY_REUSED = 2
    ACCOUNT_UNKNOWN = 3
    ONE_ACCOUNT_TWICE = 4
    AMOUNT_OUT_OF_RANGE = 5
    CURRENCIES_DIFFER = 6
    ACCOUNT_NOT_OPEN = 7
    BALANCE_OVERFLOW = 8
    INSUFFICIENT = 9
    ABOVE_LIMIT = 10


class NotPosted(Conflict):
    """The ledger refused this journal."""


@dataclass(frozen=True)
class Transfer:
    """Move `amount` from the credit side to the debit side: one row, so it cannot be unbalanced."""

    debit: AccountKey
    credit: AccountKey
    amount: Money


def journal_key(source: str, key: str) -> UUID:
    """Sixteen bytes of SHA-256 over the words of a request; `ledger.journal_key` in SQL."""
    named = f"{len(source)}:{source}:{key}".encode()
    return UUID(bytes=hashlib.sha256(named).digest()[:16])


@dataclass(frozen=True)
class Journal:
    """An atomic group of transfers in one book, under a key that is idempotent for ever.

    `source` and `key` name the request ("charge", "0192…:settled"); `doc` is kept beside the
    journal for people and never carries personal data.
    """

    org_id: int
    source: str
    key: str
    kind: JournalKind
    effective: date
    transfers: Sequence[Transfer]
    doc: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """The journal's key in the database."""
        return journal_key(self.source, self.key)


@dataclass(frozen=True)
class Posting:
    """The answer to a journal: its outcome, and whether an earlier answer was repeated."""

    journal: UUID
    outcome: Outcome
    first_id: int | None
    replayed: bool


class TransferRow(Base):
    """A posted transfer. Never changed; sequences and balances are those it left behind."""

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("debit_account <> credit_account", name="two_sides"),
        CheckConstraint("amount_minor between 1 and 1000000000000000", name="amount"),
        Index(None, "org_id", "debit_account", "debit_seq"),
        Index(None, "org_id", "credit_account", "credit_seq"),
        Index(None, "id", postgresql_using="brin"),
        Index(None, "effective", postgresql_using="brin"),
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
    posted_at: Mapped[datetime]
    effective: Mapped[date]
    currency: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[int] = mapped_column(SmallInteger)
    leg: Mapped[int] = mapped_column(SmallInteger)
    period: Mapped[int | None] = mapped_column(SmallInteger)
    journal: Mapped[UUID]
    hold: Mapped[UUID | None]
    reverses: Mapped[int | None] = mapped_column(BigInteger)


class JournalRow(Base):
    """A journal's permanent key, the hash of its request, and its outcome."""

    __tablename__ = "journal"
    __table_args__ = (
        CheckConstraint("(outcome = 1) = (first_id is not null)", name="posted"),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    outcome: Mapped[int] = mapped_column(SmallInteger)
    first_id: Mapped[int | None] = mapped_column(BigInteger)
    transfers: Mapped[int] = mapped_column(SmallInteger)
    batch: Mapped[int] = mapped_column(BigInteger)


class JournalDoc(Base):
    """What a journal was about, for people."""

    __tablename__ = "journal_doc"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    journal: Mapped[UUID] = mapped_column(primary_key=True)
    doc: Mapped[dict[str, Any]]


class JournalKindRow(Base):
    """The kinds of journal, so that SQL readers need no Python."""

    __tablename__ = "journal_kind"
    __table_args__ = (UniqueConstraint("name"), {"schema": "ledger"})

    kind: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)


class Batch(Base):
    """One call of the writer: the order of posting, and later the queue of sealing."""

    __tablename__ = "batch"
    __table_args__ = {"schema": "ledger"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    batch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    journals: Mapped[int] = mapped_column(SmallInteger)
    transfers: Mapped[int] = mapped_column(SmallInteger)
    at: Mapped[datetime]


CALL = text("""
    SELECT outcome, first_id, replayed FROM ledger.post(
      :book, CAST(:accounts AS bigint[]), CAST(:journals AS uuid[]), CAST(:hashes AS bytea[]),
      CAST(:kinds AS smallint[]), CAST(:effectives AS date[]), CAST(:sizes AS smallint[]),
      CAST(:docs AS text[]), CAST(:debits AS integer[]), CAST(:credits AS integer[]),
      CAST(:amounts AS bigint[]))
""")


def post(session: Session, journals: Sequence[Journal]) -> list[Posting]:
    """Post journals of one book, in order, inside the caller's transaction.

    Each is decided against the accounts as the ones before it left them; a refused journal leaves
    nothing and does not hurt its neighbours. Asking again with the same source, key and body gives
    the stored answer; another body under the key is KEY_REUSED.
    Source: docs/decisions/0004-ledger.md.
    """
    book = journals[0].org_id
    if any(journal.org_id != book for journal in journals):
        raise ValueError("journals of two books in one call")
    transfers = [transfer for journal in journals for transfer in journal.transfers]
    keys = {key for transfer in transfers for key in (transfer.debit, transfer.credit)}
    ids = {key: account_id(session, book, key) for key in sorted(keys, key=str)}
    accounts = sorted(ids.values())
    place = {key: accounts.index(account) + 1 for key, account in ids.items()}
    rows = session.execute(
        CALL,
        {
            "book": book,
            "accounts": accounts,
            "journals": [journal.id for journal in journals],
            "hashes": [_request_hash(journal, ids) for journal in journals],
            "kinds": [int(journal.kind) for journal in journals],
            "effectives": [journal.effective for journal in journals],
            "sizes": [len(journal.transfers) for journal in journals],
            "docs": [_document(journal) for journal in journals],
            "debits": [place[transfer.debit] for transfer in transfers],
            "credits": [place[transfer.credit] for transfer in transfers],
            "amounts": [transfer.amount.minor for transfer in transfers],
        },
    ).all()
    return [
        Posting(journal.id, Outcome(row.outcome), row.first_id, row.replayed)
        for journal, row in zip(journals, rows, strict=True)
    ]


def post_all(session: Session, journals: Sequence[Journal]) -> list[Posting]:
    """Post journals that must all succeed, each book in turn. Raises NotPosted with the code."""
    books = sorted({journal.org_id for journal in journals})
    postings: list[Posting] = []
    for book in books:  # one order of books everywhere: no deadlock between two-book postings
        mine = [journal for journal in journals if journal.org_id == book]
        for journal, posting in zip(mine, post(session, mine), strict=True):
            if posting.outcome is not Outcome.POSTED:
                raise NotPosted(journal=journal.key, outcome=posting.outcome.name)
            postings.append(posting)
    return postings


def _request_hash(journal: Journal, ids: dict[AccountKey, int]) -> bytes:
    body = [
        int(journal.kind),
        journal.effective.isoformat(),
        [
            [ids[t.debit], ids[t.credit], t.amount.minor, t.amount.currency]
            for t in journal.transfers
        ],
    ]
    return hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).digest()


def _document(journal: Journal) -> str:
    doc = {"source": journal.source, "key": journal.key, **journal.doc}
    return json.dumps(doc, ensure_ascii=False, default=str)
