"""What a statement file says, whatever its format: balances, lines with their details, the head.

A reader turns a file into a stream of these parts; the gate judges them, the importer keeps them.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Literal

from ledger.money import Money
from payments.reconciliation.statements.reasons import Finding


class BalanceType(StrEnum):
    """The booked balances the gate looks at (ISO 20022 BalanceType); available ones prove nothing."""

    OPENING = "OPBD"
    PREVIOUS_CLOSING = "PRCD"
    INTERIM = "ITBD"
    CLOSING = "CLBD"


class EntryStatus(StrEnum):
    """ISO 20022 EntryStatus. Only BOOK moves money; the others are shown and never posted."""

    BOOKED = "BOOK"
    PENDING = "PDNG"
    INFORMATION = "INFO"
    FUTURE = "FUTR"


@dataclass(frozen=True, slots=True)
class FileHead:
    """The group header: which message, made when (as the bank wrote it), and whether more follows."""

    format: str
    message_id: str
    created_at: str
    is_last_page: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """A booked balance, signed (credit positive), at a date."""

    type: BalanceType
    amount: Money
    date: date | None


@dataclass(frozen=True, slots=True)
class Party:
    """Who stands at the other end: name, account, bank code (MFO, member id or BIC), tax number."""

    name: str = ""
    account: str = ""
    bank: str = ""
    tax_id: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """One payment inside an entry; `amount` is signed, None where the bank gives none."""

    amount: Money | None
    end_to_end_id: str
    instruction_id: str
    transaction_id: str
    bank_reference: str
    counterparty: Party
    purpose: str
    references: tuple[str, ...]
    """Structured creditor references (ISO 11649, QR and national ones)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the gate needs of an entry. `amount` is signed: money that came in is positive."""

    seq: int
    """1, 2, 3 … within the statement, entries of every status counted."""
    amount: Money
    status: EntryStatus
    booking_date: date | None
    value_date: date | None
    detail_count: int


@dataclass(frozen=True, slots=True)
class StatementLine(Entry):
    """An entry with all that is known of it.

    A reversal already has its true sign; `is_reversal` only says what it is. With one detail the
    line carries that detail's references and counterparty; a batch (several details) leaves them
    to `details`.
    """

    is_reversal: bool
    bank_reference: str
    entry_reference: str
    batch_id: str
    end_to_end_id: str
    counterparty: Party
    purpose: str
    references: tuple[str, ...]
    details: tuple[Detail, ...]
    notes: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something of a statement that could not be read; the statement is quarantined for it."""

    finding: Finding
    what: Literal["entry", "balance", "date"]
    """An entry or balance is lost with its amount; a line only lacks the date."""
    details: int = 0
    """Details of the lost entry."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The bank's own control figures, as plain decimal text; "" where it gives none."""

    entries: str
    total: str
    credits: str
    debits: str


@dataclass(frozen=True, slots=True)
class StatementHead:
    """What identifies a statement. It ends the statement in the stream of parts."""

    account: str
    currency: str
    """The account's currency as stated; "" where only the balances tell."""
    statement_id: str
    other_balances: tuple[str, ...]
    """Codes of balances that the gate does not look at: CLAV, FWAV, proprietary ones."""
    sequence: int | None
    """The bank's running number: electronic, else legal."""
    page: int | None
    is_last_page: bool
    from_date: date | None
    to_date: date | None
    summary: Summary


Part = FileHead | Balance | Entry | Unreadable | StatementHead
