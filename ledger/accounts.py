"""Books and accounts: open them, find them, change an account's state; no balance changes here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
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
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Conflict, NotFound, Refused
from foundation.history import record
from foundation.states import Lifecycle
from ledger.chart import CHART, ChartLine
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


# The same moves as in ledger.set_account_state, which decides them again under the account's lock.
LIFECYCLE = Lifecycle[AccountState](
    {
        "freeze": ({AccountState.OPEN}, AccountState.FROZEN),
        "unfreeze": ({AccountState.FROZEN}, AccountState.OPEN),
        "wind_down": ({AccountState.OPEN, AccountState.FROZEN}, AccountState.CLOSING),
        "reopen": ({AccountState.CLOSING}, AccountState.OPEN),
        "close": ({AccountState.CLOSING}, AccountState.CLOSED),
    }
)
SHORTEST_REASON = 10  # characters


class Book(Base):
    """The books of one organisation, and the last days that are closed to postings."""

    __tablename__ = "book"
    __table_args__ = (
        CheckConstraint("state in (1, 2)", name="state"),
        CheckConstraint(
            "closed_through is null or (soft_closed_through is not null"
            " and closed_through <= soft_closed_through)",
            name="closed",
        ),
        {"schema": "ledger"},
    )

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    state: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    closed_through: Mapped[date | None]
    soft_closed_through: Mapped[date | None]


class Account(Base):
    """One account of a book; balances are positive on the account's normal side.

    `posted` is what the transfers sum to, `held_out` and `held_in` what holds have set aside, `seq`
    the number of transfers that touched the account and `last_transfer` the last of them. At `due_at`,
    at the latest, something happens by itself: a hold expires, a limit begins.
    """

    __tablename__ = "account"
    __table_args__ = (
        UniqueConstraint("org_id", "number", "name", "currency"),
        ForeignKeyConstraint(["org_id"], ["ledger.book.org_id"]),
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
    last_transfer: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    due_at: Mapped[datetime | None]
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


class NotFromHere(Conflict):
    """The account is in a state from which this cannot happen."""


class AccountNotEmpty(Conflict):
    """Something is still on this account, or held on it."""


class ReasonMissing(Refused):
    """Say why, in ten characters or more."""


@dataclass(frozen=True)
class AccountKey:
    """An account as an entry names it: a chart line, a name among its sisters, a currency."""

    line: ChartLine
    name: str
    currency: str

    def __post_init__(self) -> None:
        # A chart line is its number. Kept, for a lane looks a key up several times.
        object.__setattr__(self, "_hash", hash((self.line.number, self.name, self.currency)))

    def __hash__(self) -> int:
        kept: int = self.__dict__["_hash"]
        return kept


def open_book(session: Session, org_id: int) -> None:
    """Open the books of an organisation; a book that is open already stays as it is."""
    session.execute(text("SELECT ledger.open_book(:org)"), {"org": org_id})


def account_ids(
    session: Session, org_id: int, keys: Collection[AccountKey]
) -> dict[AccountKey, int]:
    """The ids of accounts in this book; one is opened, with its chart line's limit, when first named."""
    if not keys:
        return {}
    wanted = list(keys)
    row = session.execute(
        text(
            "SELECT ledger.open_accounts(:org, :numbers, :names, CAST(:currencies AS smallint[]),"
            " CAST(:sides AS smallint[]), CAST(:least AS bigint[]))"
        ),
        {
            "org": org_id,
            "numbers": [key.line.number for key in wanted],
            "names": [key.name for key in wanted],
            "currencies": [numeric_code(key.currency) for key in wanted],
            "sides": [key.line.side.value for key in wanted],
            "least": [key.line.min_available for key in wanted],
        },
    )
    return dict(zip(wanted, row.scalar_one(), strict=True))


def account_id(session: Session, org_id: int, key: AccountKey) -> int:
    """The id of one account in this book; it is opened when first named."""
    return account_ids(session, org_id, [key])[key]


def find_account(session: Session, org_id: int, account: int) -> Account:
    """One account of a book. Raises AccountNotFound."""
    found = session.get(Account, (org_id, account))
    if found is None:
        raise AccountNotFound(org_id=org_id, account=account)
    return found


def lock_accounts(session: Session, org_id: int, accounts: Collection[int]) -> Sequence[Account]:
    """These accounts as they are now, in the order of their ids, and so until the transaction ends.

    For who decides by their balances what to post: name every account that it will touch, so that
    they are locked in the one order, and nobody waits for another in a ring.
    """
    query = text("SELECT * FROM ledger.lock_accounts(:org, CAST(:accounts AS bigint[]))")
    found = select(Account).from_statement(query).execution_options(populate_existing=True)
    return session.scalars(found, {"org": org_id, "accounts": list(accounts)}).all()


def set_account_state(
    session: Session,
    org_id: int,
    account: int,
    event: str,
    *,
    reason: str,
    by: object,
    at: datetime,
) -> Account:
    """Freeze, unfreeze, wind down, reopen or close an account: an event of `LIFECYCLE`.

    Frozen and closed accounts take nothing; one that is closing takes only what brings it to zero.
    Holds on it can be let go in every state. An account that is there already stays as it is.

    Raises AccountNotFound, ReasonMissing, NotFromHere and AccountNotEmpty.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise ReasonMissing(field="reason")
    found = next(iter(lock_accounts(session, org_id, [account])), None)
    if found is None:
        raise AccountNotFound(org_id=org_id, account=account)
    state = AccountState(found.state)
    if event not in LIFECYCLE.moves:
        raise NotFromHere(event=event, state=state.name.lower())
    target = LIFECYCLE.moves[event][1]
    if state == target:
        return found
    if not LIFECYCLE.allows(event, state):
        raise NotFromHere(event=event, state=state.name.lower())
    refused = session.execute(
        text("SELECT ledger.set_account_state(:org, :account, CAST(:state AS smallint))"),
        {"org": org_id, "account": account, "state": target},
    ).scalar_one()
    if refused is not None:
        raise AccountNotEmpty(balance=found.balance)
    session.refresh(found)
    record(session, found, event, by=by, at=at, reason=reason.strip())
    return found


def key_of(account: Account) -> AccountKey:
    """The account as an entry names it."""
    return AccountKey(CHART[account.number], account.name, CODES[account.currency])
