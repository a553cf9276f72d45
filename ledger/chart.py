"""The chart of accounts and the kinds of journal: what may be written, by which number.

Every kind is one entry of docs/accounting.md, which says what is debited and credited and why.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum


class Side(IntEnum):
    """The side on which an account grows; also the sign of a debit in its balance."""

    DEBIT = 1
    CREDIT = -1


class AccountClass(Enum):
    """What an account shows."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


@dataclass(frozen=True)
class ChartLine:
    """One number of the chart; `min_available` is the least balance a movement may leave."""

    number: str
    title: str
    account_class: AccountClass
    side: Side
    min_available: int | None = None


def _line(number: str, title: str, of: AccountClass, *, never_negative: bool = False) -> ChartLine:
    debit = of in {AccountClass.ASSET, AccountClass.EXPENSE}
    side = Side.DEBIT if debit else Side.CREDIT
    return ChartLine(number, title, of, side, 0 if never_negative else None)


BANK = _line("1110", "Bank account", AccountClass.ASSET)
PROVIDER_CLEARING = _line("1210", "Payment provider clearing", AccountClass.ASSET)
DUE_FROM = _line("1330", "Due from an organisation", AccountClass.ASSET)
COUNTER_VALUE = _line("1920", "Counter value of a currency position", AccountClass.ASSET)
DUE_TO = _line("2220", "Due to an organisation", AccountClass.LIABILITY)
UNIDENTIFIED = _line("2310", "Unidentified receipts", AccountClass.LIABILITY, never_negative=True)
PAYER_CREDIT = _line("2320", "Payers' credit", AccountClass.LIABILITY, never_negative=True)
POSITION = _line("2910", "Currency position", AccountClass.LIABILITY)
REVENUE = _line("4010", "Fees collected", AccountClass.INCOME)
EXCHANGE_GAINS = _line("4910", "Exchange gains", AccountClass.INCOME)
PROVIDER_FEES = _line("5110", "Payment providers' fees", AccountClass.EXPENSE)
EXCHANGE_LOSSES = _line("5910", "Exchange losses", AccountClass.EXPENSE)

CHART: dict[str, ChartLine] = {
    line.number: line
    for line in (
        BANK,
        PROVIDER_CLEARING,
        DUE_FROM,
        COUNTER_VALUE,
        DUE_TO,
        UNIDENTIFIED,
        PAYER_CREDIT,
        POSITION,
        REVENUE,
        EXCHANGE_GAINS,
        PROVIDER_FEES,
        EXCHANGE_LOSSES,
    )
}

# What comes to zero when everything has arrived; what has not stands in the record of a closed period.
CLEARING = (PROVIDER_CLEARING, UNIDENTIFIED)


class JournalKind(IntEnum):
    """Why a journal was posted; the numbers are kept for ever, as rows carry them."""

    PAYMENT_CONFIRMED = 1
    PAYMENT_CREDITED = 2
    PAYMENT_REVERSED = 3
    PAYOUT_SETTLED = 4
    PAYOUT_RECEIVED = 5
    BANK_TRANSFER_RECEIVED = 6
    UNIDENTIFIED_RECEIVED = 7
    PERIOD_CLOSED = 8
    PERIOD_REOPENED = 9
    ADJUSTMENT = 10
    REVERSAL = 11
    CURRENCY_EXCHANGED = 12
    CURRENCY_REVALUED = 13
