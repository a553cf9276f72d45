"""Why a bank file or a statement in it is not posted: every reason, its stable name and its sentence.

The name goes to machines ("unbalanced"); what follows a colon in `str(finding)` is for people.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum

from foundation.errors import Refused


class Verdict(StrEnum):
    """What the gate decided. A file has the worst verdict of its statements."""

    ACCEPTED = "accepted"
    """Readable, and its figures prove themselves: would be posted."""

    QUARANTINED = "quarantined"
    """Readable, but something in it does not hold: kept, nothing posted, a person decides."""

    REFUSED = "refused"
    """Not a statement we can read at all, or a hostile file: nothing of it is used."""


class Reason(Enum):
    """One reason: its name for machines and one sentence that explains it to a finance officer."""

    # The file cannot be read: refused.
    EMPTY_FILE = "empty-file", "The file has no content."
    TOO_LARGE = "too-large", "The file, or one part of it, is larger than any real statement."
    NOT_XML = "not-xml", "The file is not XML, so it cannot be a camt.053 statement."
    DOCTYPE = "doctype", "The file declares a document type, which can hide entities: never read."
    MALFORMED_XML = "malformed-xml", "The XML is damaged or incomplete; fetch the file again."
    TOO_DEEP = "too-deep", "Elements are nested deeper than in any real statement."
    WRONG_ROOT = "wrong-root", "The XML does not have the frame of an ISO 20022 message."
    UNKNOWN_NAMESPACE = "unknown-namespace", "The XML does not say which ISO 20022 message it is."
    WRONG_MESSAGE = "wrong-message", "This is another ISO 20022 message, not an account statement."
    NOT_FINAL = "not-a-final-statement", "camt.052 reports the running day; only camt.053 is final."
    DETAILS_ONLY = (
        "details-only",
        "camt.054 details entries that a camt.053 books; alone it is none.",
    )
    STATEMENT_MISSING = "statement-missing", "The message contains no statement."

    # The statement is readable but does not pass: quarantined.
    ACCOUNT_MISSING = "account-missing", "The statement does not name its account."
    CURRENCY_MISSING = "currency-missing", "An amount has no currency."
    CURRENCY_UNKNOWN = "currency-unknown", "A currency is not an active ISO 4217 code."
    CURRENCY_DIFFERS = (
        "currency-differs",
        "An entry is booked in a currency that has no balances here.",
    )
    AMOUNT_UNREADABLE = (
        "amount-unreadable",
        "An amount is missing, repeated or not a plain decimal.",
    )
    AMOUNT_NEGATIVE = (
        "amount-negative",
        "An amount has a minus; only the debit or credit mark may say so.",
    )
    DECIMALS = "decimals", "An amount has more decimals than its currency; it is never rounded."
    SIGN_MISSING = (
        "sign-missing",
        "An amount is marked neither as credit (CRDT) nor as debit (DBIT).",
    )
    STATUS_UNKNOWN = "status-unknown", "An entry does not say whether it is booked."
    DATE_UNREADABLE = "date-unreadable", "A date is not a calendar date."
    UNDATED = "undated", "A booked entry has no date, nor does its statement."
    BALANCES_MISSING = "balances-missing", "The opening or the closing booked balance is missing."
    BALANCES_CONTRADICT = "balances-contradict", "Two balances that must be equal differ."
    UNBALANCED = "unbalanced", "Opening balance plus booked entries is not the closing balance."
    SUMMARY_DIFFERS = "summary-differs", "The bank's own count or total of entries is another."
    DUPLICATE_STATEMENT = "duplicate-statement", "The file has the same statement more than once."
    PAGE_MISSING = "page-missing", "A page of the statement is not in the file."
    DISCONTINUOUS = "discontinuous", "The opening balance is not the previous statement's closing."
    SEQUENCE_GAP = "sequence-gap", "Statement numbers jump: one in between is missing."
    DATE_GAP = "date-gap", "Days between two statements are covered by none."
    DATE_OVERLAP = "date-overlap", "Two statements cover the same days."
    # Only the importer knows these: they are about what was posted before.
    ACCOUNT_UNKNOWN = "account-unknown", "The account is not one of ours."
    ALREADY_IMPORTED = "already-imported", "The same statement was accepted from another file."
    STATEMENT_ALTERED = (
        "statement-altered",
        "A statement with this number was accepted before, with other figures: ask the bank.",
    )
    MORE_FINDINGS = "more-findings", "There are more findings than are listed."

    # Said of one entry, changes no verdict: the matcher makes it a break.
    DETAILS_DO_NOT_SUM = "details-do-not-sum", "The details of an entry add up to another amount."
    DETAIL_UNREADABLE = "detail-unreadable", "The amount of a detail cannot be read."

    def __init__(self, code: str, explanation: str) -> None:
        self.code = code
        self.explanation = explanation


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason with the facts of this file; `str` gives "name" or "name: facts"."""

    reason: Reason
    facts: str = ""

    def __str__(self) -> str:
        return f"{self.reason.code}: {self.facts}" if self.facts else self.reason.code


class StatementFileRefused(Refused):
    """This file cannot be read as a bank statement."""

    def __init__(self, reason: Reason, facts: str = "") -> None:
        super().__init__(reason=reason.code, facts=facts)
        self.finding = Finding(reason, facts)
        self.format = ""
        """The message's name, as far as the reader got: "camt.054.001.04"."""
