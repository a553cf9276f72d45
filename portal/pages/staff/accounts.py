"""One account of a book: what stands on it, what is held, its limits, its state; and one hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from ledger.balances import Standing
from ledger.money import Money
from portal.forms import Form, Mistake, SignedAmount
from portal.languages import msg
from portal.pages.staff.books import day_of
from portal.pages.staff.frame import ONE_PAGE, Account, Pages, Staff

Limited = Annotated[SignedAmount, Field(max_digits=18)]


class StateForm(Form):
    """What to do with an account, one of the moves of its life cycle, and why."""

    event: str = Field(max_length=20)
    reason: str = Field(max_length=1000)

    sentences = {
        "event": {"missing": msg("Choose what to do")},
        "reason": {"missing": msg("Say why, in ten characters or more.")},
    }


class LimitForm(Form):
    """A limit in the account's currency; a box left empty is no limit on that side, or begins at once."""

    least: Limited | None = None
    most: Limited | None = None
    starts_on: Annotated[date | None, BeforeValidator(day_of)] = None
    source: str = Field(max_length=300)

    sentences = {
        "least": {"wrong": msg("Enter an amount, such as 150 000 or 150 000,50")},
        "most": {"wrong": msg("Enter an amount, such as 150 000 or 150 000,50")},
        "source": {"missing": msg("Name the law or document that sets this limit.")},
    }


@dataclass(frozen=True)
class AccountEntry:
    """A movement and the balance it left; `kind` is a word of WORDS["journal_kind"]."""

    seq: int
    effective: date
    kind: str
    url: str
    other: Account
    debit: Money | None
    credit: Money | None
    balance: Money


@dataclass(frozen=True)
class HoldRow:
    """An open hold: what is left of it, against which account, until when; `way` is out or in."""

    url: str
    other: Account
    amount: Money
    left: Money
    way: str
    expires_at: datetime | None


@dataclass(frozen=True)
class LimitRow:
    """A dated limit; `state` is a word of WORDS["limit_state"]."""

    starts_at: datetime
    least: Money | None
    most: Money | None
    source: str
    by: str
    state: str


@dataclass(frozen=True)
class Story:
    """What happened to the account; `what` is a word of WORDS["account_event"]."""

    what: str
    by: str
    at: datetime
    text: str


@dataclass(frozen=True)
class AccountPage:
    """`staff/account.html`: movements newest first; `side` is debit or credit, where the account grows.

    `state` is a word of WORDS["account_state"], `moves` are those of WORDS["account_move"] that a
    keeper of the books may make now; `counterpart` names the organisation that 1330 or 2220 is about.
    """

    staff: Staff
    book: str
    book_url: str
    url: str
    ledger_url: str
    account: Account
    side: str
    state: str
    now: Standing
    entries: tuple[AccountEntry, ...]
    holds: tuple[HoldRow, ...] = ()
    limits: tuple[LimitRow, ...] = ()
    story: tuple[Story, ...] = ()
    counterpart: str | None = None
    moves: tuple[str, ...] = ()
    can_keep: bool = False
    pages: Pages = ONE_PAGE
    typed: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class HoldStep:
    """One step of a hold; `what` is a word of WORDS["hold_event"], a capture leads to its entry."""

    what: str
    amount: Money
    at: datetime
    url: str | None


@dataclass(frozen=True)
class HoldPage:
    """`staff/hold.html`: `state` is a word of WORDS["hold_state"]."""

    staff: Staff
    book: str
    key: str
    debit: Account
    credit: Account
    state: str
    amount: Money
    captured: Money
    released: Money
    left: Money
    expires_at: datetime | None
    steps: tuple[HoldStep, ...]
