"""Books and accounts: open them, find them; nothing here changes a balance."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import NotFound
from ledger.chart import ChartLine
from ledger.currencies import CODES
from ledger.money import Money, numeric_code


class BookState(IntEnum):
    """Whether a book takes postings."""

    OPEN = 1
    SHUT = 2


class AccountState(IntEnum):
    """Whether an account takes postings."""

    OPEN = 1
    FROZEN = 2
    CLOSING = 3
    CLOSED = 4


class Book(Base):
    """The books of one organisation."""

    __tablename__ = "book"
    __table_args__ = (CheckConstraint("state in (1, 2)", name="state"), {"schema": "ledger"})

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Account(Base):
    """One account of a book; balances are positive on the account's normal side.

    `posted` is what the transfers sum to, `held_out` and `held_in` what holds have set aside, `seq`
    the number of transfers that touched the account.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("org_id", "number", "name", "currency"),
        ForeignKeyConstraint(["org_id"], ["ledger.book.org_id"]),
        CheckConstraint("normal_side in (1, -1)", name="normal_side"),
        CheckConstraint("state in (1, 2, 3, 4)", name="state"),
        CheckConstraint("held_out >= 0 and held_in >= 0", name="held"),
        {"schema": "ledger", "postgresql_with": {"fillfactor": 50}},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    posted: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_out: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    held_in: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    seq: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    min_available: Mapped[int | None] = mapped_column(BigInteger)
    max_balance: Mapped[int | None] = mapped_column(BigInteger)
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    currency: Mapped[int] = mapped_column(SmallInteger)
    normal_side: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    number: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)

    @property
    def balance(self) -> Money:
        """The posted balance on the normal side."""
        return Money(self.posted, CODES[self.currency])

    @property
    def label(self) -> str:
        """How people name it: "1210 stripe"."""
        return f"{self.number} {self.name}".strip()


class AccountNotFound(NotFound):
    """There is no such account in this book."""


@dataclass(frozen=True)
class AccountKey:
    """An account as an entry names it: a chart line, a name among its sisters, a currency."""

    line: ChartLine
    name: str
    currency: str


def open_book(session: Session, org_id: int) -> None:
    """Open the books of an organisation; a book that is open already stays as it is."""
    session.execute(text("SELECT ledger.open_book(:org)"), {"org": org_id})


def account_id(session: Session, org_id: int, key: AccountKey) -> int:
    """The account's id in this book; it is opened, with the chart's limits, when first named."""
    line = key.line
    row = session.execute(
        text(
            "SELECT ledger.open_account(:org, :number, :name, CAST(:currency AS smallint),"
            " CAST(:side AS smallint), :least, NULL)"
        ),
        {
            "org": org_id,
            "number": line.number,
            "name": key.name,
            "currency": numeric_code(key.currency),
            "side": line.side.value,
            "least": line.min_available,
        },
    )
    found: int = row.scalar_one()
    return found


def find_account(session: Session, org_id: int, account: int) -> Account:
    """One account of a book. Raises AccountNotFound."""
    found = session.get(Account, (org_id, account))
    if found is None:
        raise AccountNotFound(org_id=org_id, account=account)
    return found
