"""Read single values of a record: amounts exactly, signs, dates, clean text. Nothing is guessed."""

import re
import unicodedata
from datetime import date

from foundation.errors import Refused
from ledger.currencies import CURRENCIES
from ledger.money import Money
from payments.reconciliation.statements.reasons import Finding, Reason
from payments.reconciliation.statements.safe_xml import Fields, first

LARGEST_MINOR = 2**63 - 1
"""What the ledger's bigint holds."""

MAX_CHARACTERS = 4000
"""Kept of one text; the longest of the standard, additional information, has 500."""

# xs:decimal without a minus: digits with at most one point, no exponent, no separators.
PLAIN_DECIMAL = re.compile(r"\+?(?=\.?[0-9])([0-9]*)\.?([0-9]*)", re.ASCII)
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
CALENDAR_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?![0-9])")
UNSEEN = {"Cc", "Cf"}
SIGNS = {"CRDT": 1, "DBIT": -1}


class ValueUnreadable(Refused):
    """A value of the statement cannot be read."""

    def __init__(self, reason: Reason, facts: str = "") -> None:
        super().__init__(reason=reason.code, facts=facts)
        self.finding = Finding(reason, facts)


def signed_amount(fields: Fields, path: str = "Amt", *, sign: str = "CdtDbtInd") -> Money:
    """The amount at `path` with the sign of the credit or debit mark. Raises ValueUnreadable."""
    money = unsigned_amount(fields, path)
    return Money(money.minor * sign_of(fields, sign), money.currency)


def unsigned_amount(fields: Fields, path: str = "Amt") -> Money:
    """The amount at `path` in minor units, exactly.

    Decimals beyond the currency's are refused, never rounded; zeros there carry no value and are
    what real banks print ("5442.09000" RON), so they pass. Raises ValueUnreadable.
    """
    texts, currencies = fields.get(path, []), fields.get(f"{path}/@Ccy", [])
    if len(texts) != 1:
        raise ValueUnreadable(Reason.AMOUNT_UNREADABLE, f"{len(texts)} amounts instead of one")
    if not currencies:
        raise ValueUnreadable(Reason.CURRENCY_MISSING, shown(texts[0]))
    if currencies[0] not in CURRENCIES:
        raise ValueUnreadable(Reason.CURRENCY_UNKNOWN, shown(currencies[0]))
    return Money(_minor_units(texts[0], currencies[0]), currencies[0])


def sign_of(fields: Fields, path: str = "CdtDbtInd") -> int:
    """+1 for CRDT, -1 for DBIT. Raises ValueUnreadable."""
    texts = fields.get(path, [])
    if len(texts) != 1 or texts[0] not in SIGNS:
        raise ValueUnreadable(Reason.SIGN_MISSING, shown(", ".join(texts)))
    return SIGNS[texts[0]]


def optional_date(fields: Fields, path: str) -> date | None:
    """The calendar date at path/Dt or path/DtTm as the bank wrote it; None when it gives none.

    The time and its zone are not looked at: banks write broken ones ("…T22:01:36:735"), and the
    booking day is the bank's own. Raises ValueUnreadable.
    """
    text = first(fields, f"{path}/Dt", f"{path}/DtTm", path)
    if not text:
        return None
    day = CALENDAR_DATE.match(text)
    try:
        return date.fromisoformat(day[1] if day else "")
    except ValueError:
        raise ValueUnreadable(Reason.DATE_UNREADABLE, shown(text)) from None


def date_or_none(fields: Fields, path: str) -> date | None:
    """The date at `path`; one that cannot be read is as good as none."""
    try:
        return optional_date(fields, path)
    except ValueUnreadable:
        return None


def whole_number(text: str) -> int | None:
    """A running number of at most 18 digits; None for anything else."""
    return int(text) if WHOLE_NUMBER.fullmatch(text) else None


def clean(text: str) -> str:
    """Text as one line: white space folded, control and direction marks dropped, and cut."""
    if not text.isprintable():
        text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in UNSEEN)
    return " ".join(text.split())[:MAX_CHARACTERS]


def shown(text: str) -> str:
    """Foreign text as a fact for people: clean and short."""
    text = clean(text)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _minor_units(text: str, currency: str) -> int:
    if text.startswith("-"):
        raise ValueUnreadable(Reason.AMOUNT_NEGATIVE, f"{shown(text)} {currency}")
    match = PLAIN_DECIMAL.fullmatch(text)
    if not match or len(text) > 40:
        raise ValueUnreadable(Reason.AMOUNT_UNREADABLE, f"{shown(text)} {currency}")
    whole, places = match[1], match[2].rstrip("0")
    exponent = CURRENCIES[currency][1]
    if len(places) > exponent:
        raise ValueUnreadable(Reason.DECIMALS, f"{shown(text)} {currency} has {exponent}")
    minor = int(f"{whole}{places.ljust(exponent, '0')}" or "0")
    if minor > LARGEST_MINOR:
        raise ValueUnreadable(Reason.AMOUNT_UNREADABLE, f"{shown(text)} {currency} is too large")
    return minor
