"""The outcome of the gate: one report per file, one entry per statement, and its JSON form."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.money import Money
from payments.reconciliation.statements.contents import Balance, StatementHead
from payments.reconciliation.statements.reasons import Finding, Verdict


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a statement ends; the next one of the account must begin here."""

    closing: Money
    ended_on: date | None
    sequence: int | None
    started_on: date | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as judged. `number` is its place in the file, from 1."""

    number: int
    head: StatementHead
    currency: str | None
    """The account's currency, else that of its balances or of all its entries; None if no one says."""
    opening: Balance | None
    closing: Balance | None
    entries: int
    details: int
    booked: tuple[Money, ...]
    """Signed sum of the booked entries, one per currency."""
    findings: tuple[Finding, ...]

    @property
    def account(self) -> str | None:
        """IBAN, 20-digit or other number, without spaces."""
        return self.head.account or None

    @property
    def verdict(self) -> Verdict:
        """Accepted only when nothing at all was found."""
        return Verdict.QUARANTINED if self.findings else Verdict.ACCEPTED

    @property
    def started_on(self) -> date | None:
        """The day of the opening balance, which the standard demands; else the period's first."""
        return (self.opening.date if self.opening else None) or self.head.from_date

    @property
    def ended_on(self) -> date | None:
        """The day of the closing balance, which the standard demands; else the period's last."""
        return (self.closing.date if self.closing else None) or self.head.to_date

    @property
    def edge(self) -> Edge | None:
        """None while the statement has no closing balance."""
        if self.closing is None:
            return None
        return Edge(self.closing.amount, self.ended_on, self.head.sequence, self.started_on)

    def as_json(self) -> dict[str, Any]:
        """One object in the report's `statements`."""
        return {
            "account": self.account,
            "currency": self.currency,
            "opening": plain(self.opening.amount) if self.opening else None,
            "closing": plain(self.closing.amount) if self.closing else None,
            "entries": self.entries,
            "details": self.details,
            "booked": {money.currency: plain(money) for money in self.booked},
            "verdict": self.verdict.value,
            "reasons": [str(finding) for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class FileReport:
    """What the gate says of a file. `refusal` is set when nothing of it can be read."""

    file: str
    format: str | None
    """The message's name and version, "camt.053.001.08"; None when it is not recognised."""
    message_id: str = ""
    created_at: str = ""
    refusal: Finding | None = None
    statements: tuple[Statement, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Refused, else the worst of its statements."""
        if self.refusal:
            return Verdict.REFUSED
        verdicts = {statement.verdict for statement in self.statements}
        return Verdict.QUARANTINED if Verdict.QUARANTINED in verdicts else Verdict.ACCEPTED

    @property
    def reasons(self) -> list[str]:
        """The refusal, or every finding with the number of its statement."""
        if self.refusal:
            return [str(self.refusal)]
        return [
            str(Finding(found.reason, f"statement {statement.number} {found.facts}".strip()))
            for statement in self.statements
            for found in statement.findings
        ]

    def as_json(self) -> dict[str, Any]:
        """The object `mizon bank check --json` prints; amounts are decimal text, credits positive."""
        return {
            "file": self.file,
            "format": self.format,
            "verdict": self.verdict.value,
            "reasons": self.reasons,
            "statements": [statement.as_json() for statement in self.statements],
        }


def plain(money: Money) -> str:
    """The amount as plain decimal text with the currency's decimals: "-1250.00"."""
    return f"{money.decimal:f}"
