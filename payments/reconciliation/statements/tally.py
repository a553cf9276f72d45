"""Add a statement up entry by entry, in memory that the number of entries does not change."""

from collections import Counter
from dataclasses import dataclass

from ledger.money import Money
from payments.reconciliation.statements.contents import (
    Balance,
    Entry,
    EntryStatus,
    Unreadable,
)
from payments.reconciliation.statements.reasons import Finding, Reason, StatementFileRefused

MAX_BALANCES = 10_000
MAX_FINDINGS = 20
"""Listed per statement; the rest is counted."""


@dataclass(slots=True)
class Total:
    """Number of entries and what they move, in minor units of one currency."""

    entries: int = 0
    credits: int = 0
    debits: int = 0

    @property
    def net(self) -> int:
        """Credits less debits."""
        return self.credits - self.debits

    def add(self, minor: int) -> None:
        """Count one signed amount in."""
        self.entries += 1
        self.credits += max(minor, 0)
        self.debits += max(-minor, 0)


class Tally:
    """The figures of one statement while its parts arrive."""

    def __init__(self) -> None:
        self.entries = 0
        self.details = 0
        self.balances: list[Balance] = []
        self.booked: dict[str, Total] = {}
        self.all: dict[str, Total] = {}
        """Entries of every status, per currency."""
        self.undated = 0
        """Booked entries without any date."""
        self.unread: Counter[str] = Counter()
        """Parts that could not be read, by what they are."""
        self._problems: list[Finding] = []

    @property
    def problems(self) -> list[Finding]:
        """What could not be read, the first ones by name."""
        unlisted = self.unread.total() - len(self._problems)
        more = [Finding(Reason.MORE_FINDINGS, f"{unlisted} more")] if unlisted else []
        return [*self._problems, *more]

    @property
    def booked_sums(self) -> tuple[Money, ...]:
        """What the booked entries move, per currency."""
        return tuple(Money(total.net, currency) for currency, total in self.booked.items())

    def add(self, part: Balance | Entry | Unreadable) -> None:
        """Count one part in. Raises StatementFileRefused on an absurd number of balances."""
        match part:
            case Entry():
                self._add_entry(part)
            case Balance():
                self.balances.append(part)
                if len(self.balances) > MAX_BALANCES:
                    raise StatementFileRefused(Reason.TOO_LARGE, "too many balances")
            case Unreadable():
                self._add_problem(part)

    def _add_entry(self, entry: Entry) -> None:
        currency, minor = entry.amount.currency, entry.amount.minor
        self.entries += 1
        self.details += entry.detail_count
        self.all.setdefault(currency, Total()).add(minor)
        if entry.status == EntryStatus.BOOKED:
            self.booked.setdefault(currency, Total()).add(minor)
            self.undated += not (entry.booking_date or entry.value_date)

    def _add_problem(self, part: Unreadable) -> None:
        self.entries += part.what == "entry"
        self.details += part.details
        self.unread[part.what] += 1
        if len(self._problems) < MAX_FINDINGS:
            self._problems.append(part.finding)
