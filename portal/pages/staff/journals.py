"""One journal of a book: its lines, why it was posted, what was taken back of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from ledger.money import Money
from portal.forms import Amount, Form, Mistake
from portal.languages import msg
from portal.pages.staff.frame import Account, Staff


class ReversalForm(Form):
    """How much to take back, everything that is left when empty, and why; `id` makes it one request."""

    id: UUID
    amount: Annotated[Amount, Field(gt=0, max_digits=18)] | None = None
    reason: str = Field(max_length=1000)

    sentences = {
        "amount": {"wrong": msg("Enter an amount, such as 150 000 or 150 000,50")},
        "reason": {"missing": msg("Say why, in ten characters or more.")},
    }


@dataclass(frozen=True)
class JournalLineRow:
    """One transfer: what is left of it is what reversals have not taken back.

    `takes_back` leads to the journal that this line takes back.
    """

    number: int
    debit: Account
    credit: Account
    amount: Money
    reversed: Money
    takes_back: str | None = None


@dataclass(frozen=True)
class JournalPage:
    """`staff/journal.html`: `kind` is a word of WORDS["journal_kind"].

    `facts` are what is kept beside it, each a word of WORDS["journal_fact"] and its text; `form_id` is
    there when its lines may be taken back by hand, `left` how much of it when it is one currency.
    """

    staff: Staff
    book: str
    url: str
    kind: str
    effective: date
    meant_for: date | None
    posted_at: datetime
    lines: tuple[JournalLineRow, ...]
    facts: tuple[tuple[str, str], ...] = ()
    form_id: str = ""
    left: Money | None = None
    follows_payments: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
