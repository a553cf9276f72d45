"""One payment as staff see it: its whole way on one page."""

from dataclasses import dataclass
from datetime import date, datetime

from ledger.money import Money
from portal.pages.staff.frame import Account, Staff


@dataclass(frozen=True)
class TraceEvent:
    """Something that happened; `where` is citizen, provider, ledger, bank or staff.

    `what` is a word of WORDS["payment_event"].
    """

    at: datetime
    where: str
    what: str
    detail: str = ""
    url: str | None = None


@dataclass(frozen=True)
class TransferLine:
    """One transfer of the payment's journals; `kind` is a word of WORDS["journal_kind"]."""

    kind: str
    debit: Account
    credit: Account
    amount: Money


@dataclass(frozen=True)
class BankLine:
    """The line of the bank's statement that holds this payment's money."""

    url: str
    account: str
    booked: date
    amount: Money


@dataclass(frozen=True)
class PaymentPage:
    """`staff/payment.html`; `state` is a word of WORDS["charge_state"]."""

    staff: Staff
    id: str
    state: str
    bill_reference: str
    bill_url: str
    agency: str
    service: str
    payer: str
    amount: Money
    provider: str
    provider_id: str
    receipt_number: str | None
    events: tuple[TraceEvent, ...]
    transfers: tuple[TransferLine, ...] = ()
    bank_line: BankLine | None = None
