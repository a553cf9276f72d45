"""What came in, what was banked, what does not fit, and whether the books hold."""

from dataclasses import dataclass
from datetime import date, datetime

from ledger.money import Money
from portal.forms import Mistake
from portal.pages.staff.frame import ONE_PAGE, Pages, Staff

AGES = ("0–1", "2–3", "4–7", "8–30", "30+")  # in days


@dataclass(frozen=True)
class Stage:
    """One stage of the money's way: how many payments have reached it, and their sum."""

    payments: int
    amount: Money


@dataclass(frozen=True)
class Flow:
    """The money's way: received by the provider, settled by it, seen on the bank's statement."""

    received: Stage
    settled: Stage
    banked: Stage


@dataclass(frozen=True)
class BreakGroup:
    """Open differences of one type, counted by age (as AGES), with their sum."""

    type: str
    by_age: tuple[int, int, int, int, int]
    amount: Money

    @property
    def count(self) -> int:
        """How many there are in all."""
        return sum(self.by_age)


@dataclass(frozen=True)
class Proof:
    """A sentence that was checked over the books: a word of WORDS["proof"], and what was found."""

    name: str
    holds: bool
    examined: int
    difference: str = ""


@dataclass(frozen=True)
class Run:
    """One run of the reconciliation: what it matched and left, and whether the books held after."""

    at: datetime
    matched: int
    breaks: int
    holds: bool
    by: str


@dataclass(frozen=True)
class StatementFile:
    """A file from the bank; `verdict` is a word of WORDS["verdict"]."""

    url: str
    name: str
    received_at: datetime
    verdict: str
    lines: int


@dataclass(frozen=True)
class ReconciliationPage:
    """`staff/reconciliation.html`."""

    staff: Staff
    as_of: datetime
    flow: Flow
    matched: Stage
    unmatched: Stage
    breaks: tuple[BreakGroup, ...]
    proofs: tuple[Proof, ...]
    runs: tuple[Run, ...]
    files: tuple[StatementFile, ...]
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Why a file or a statement was stopped: a word of WORDS["gate_reason"], and what was seen."""

    code: str
    detail: str = ""

    @classmethod
    def read(cls, text: str) -> "Reason":
        """A reason as the gate writes it: "unbalanced: 10.00 + 5.00 is not 16.00"."""
        code, _, detail = text.partition(": ")
        return cls(code, detail)


@dataclass(frozen=True)
class StatementLine:
    """A line of a statement; `state` is a word of WORDS["line_state"], `url` what it matched."""

    seq: int
    booked: date
    amount: Money
    counterparty: str
    purpose: str
    state: str
    url: str | None = None


@dataclass(frozen=True)
class BankStatement:
    """One account's statement inside a file."""

    account: str
    opening: Money | None
    closing: Money | None
    verdict: str
    entries: int
    reasons: tuple[Reason, ...] = ()
    lines: tuple[StatementLine, ...] = ()


@dataclass(frozen=True)
class StatementPage:
    """`staff/statement.html`: one file, what the gate said of it, and its lines.

    `repeated` is True for a file that had come before: it changed nothing.
    """

    staff: Staff
    name: str
    format: str
    received_at: datetime
    verdict: str
    reasons: tuple[Reason, ...]
    statements: tuple[BankStatement, ...]
    repeated: bool = False
    pages: Pages = ONE_PAGE
