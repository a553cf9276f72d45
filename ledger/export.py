"""Write a book as plain text that hledger and beancount read, so that others' tools add it up again.

A debit is positive and a credit negative, as in both tools. Every journal is a transaction on its
effective date, every account ends with an assertion of its balance. Nothing of a journal's document is
read, so nothing personal can be in the file. The same books give the same bytes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

from sqlalchemy import Row
from sqlalchemy.orm import Session

from foundation.clock import business_date
from ledger.chart import CHART, AccountClass, Side
from ledger.currencies import CODES
from ledger.journals import Outcome
from ledger.money import Money, exponent_of
from ledger.reports.reading import Days, reading, rows_of, streamed

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(9000, 1, 1)  # no entry is effective beyond them
ROOTS = {
    AccountClass.ASSET: "Assets",
    AccountClass.LIABILITY: "Liabilities",
    AccountClass.INCOME: "Income",
    AccountClass.EXPENSE: "Expenses",
}
LONGEST_PART = 40
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Exported:
    """An account in the file: what it is called there, its first day, and its balances as of both ends.

    `last` is the day of its last entry; None when it never moved.
    """

    path: str
    name: str
    opened: date
    last: date | None
    opening: Money
    closing: Money


class Syntax(Protocol):
    """How one tool writes."""

    def head(self, currencies: Sequence[str]) -> Iterator[str]:
        """What the tool must know before all else."""

    def account(self, account: Exported) -> Iterator[str]:
        """That there is this account."""

    def transaction(
        self, day: date, what: str, journal: str, about: Mapping[str, str]
    ) -> Iterator[str]:
        """The head of a transaction."""

    def posting(self, path: str, amount: Money, about: Mapping[str, str]) -> Iterator[str]:
        """One side of a transfer."""

    def assertions(self, day: date, accounts: Sequence[Exported]) -> Iterator[str]:
        """That these are the balances when the day ends."""


class Hledger:
    """The journal format of hledger, which Ledger reads too."""

    def head(self, currencies: Sequence[str]) -> Iterator[str]:
        """Which sign marks decimals, and how many each currency has."""
        yield "decimal-mark ."
        for currency in currencies:
            yield f"commodity 1000.{'0' * exponent_of(currency)} {currency}"

    def account(self, account: Exported) -> Iterator[str]:
        """Its name stands in a line of its own: in a directive's comment it could be read as a tag."""
        yield f"; {account.opened} {account.name}"
        yield f"account {account.path}"

    def transaction(
        self, day: date, what: str, journal: str, about: Mapping[str, str]
    ) -> Iterator[str]:
        """The journal's key is the code."""
        yield f"{day} * ({journal}) {what}" if journal else f"{day} * {what}"
        for name, value in about.items():
            yield f"    ; {name}: {value}"

    def posting(self, path: str, amount: Money, about: Mapping[str, str]) -> Iterator[str]:
        """Two spaces end the account's name."""
        tags = ", ".join(f"{name}: {value}" for name, value in about.items())
        yield f"    {path}  {amount}{'  ; ' if tags else ''}{tags}"

    def assertions(self, day: date, accounts: Sequence[Exported]) -> Iterator[str]:
        """A transaction of nothing, the last of its day."""
        yield from self.transaction(day, "balances", "", {})
        for account in accounts:
            nothing = Money(0, account.closing.currency)
            yield f"    {account.path}  {nothing} = {account.closing}"


class Beancount:
    """The language of beancount, version 2 or 3."""

    def head(self, currencies: Sequence[str]) -> Iterator[str]:
        """In which currencies its reports speak."""
        for currency in currencies:
            yield f'option "operating_currency" "{currency}"'

    def account(self, account: Exported) -> Iterator[str]:
        """Open from its first day, for its one currency."""
        yield f"{account.opened} open {account.path} {account.closing.currency}"
        yield f'  name: "{account.name}"'

    def transaction(
        self, day: date, what: str, journal: str, about: Mapping[str, str]
    ) -> Iterator[str]:
        """The journal's key is a link."""
        yield f'{day} * "{what}" ^{journal}' if journal else f'{day} * "{what}"'
        for name, value in about.items():
            yield f'  {name}: "{value}"'

    def posting(self, path: str, amount: Money, about: Mapping[str, str]) -> Iterator[str]:
        """What is kept with a posting stands below it, deeper."""
        yield f"  {path}  {amount}"
        for name, value in about.items():
            yield f'    {name}: "{value}"'

    def assertions(self, day: date, accounts: Sequence[Exported]) -> Iterator[str]:
        """As the next day begins, to the last digit: beancount would overlook half of one."""
        for account in accounts:
            amount = account.closing
            yield f"{day + ONE_DAY} balance {account.path}  {amount.decimal:f} ~ 0 {amount.currency}"


def export(session: Session, org_id: int, days: Days, syntax: Syntax) -> Iterator[str]:
    """The book as lines of text: accounts, journals in the order they were posted, balances.

    Before the first day stands one transaction with what each account had by then. What has no day
    (holds that are open, journals that were refused or moved nothing) follows as comments when the
    last day is open. Each line is read from the database as it is needed, so memory stays flat.
    """
    accounts = _accounts(session, org_id, days)
    paths = {number: account.path for number, account in accounts.items()}
    state = reading(session, org_id)
    yield f"; The books of organisation {org_id}: debits are positive, credits negative."
    yield f"; {_span(days)} Read at {state.transfers} transfers, the last of them {state.last_transfer}."
    yield from syntax.head(sorted({one.closing.currency for one in accounts.values()}))
    for account in accounts.values():
        yield from syntax.account(account)
    yield from _opening(accounts, days, syntax)
    for journal, rows in groupby(
        streamed(session, TRANSFERS, days.asked(org_id)), lambda r: r.journal
    ):
        yield from _journal(str(journal), list(rows), paths, syntax)
    yield from _assertions(accounts, days, syntax)
    if days.last == LAST_DAY:
        yield from _without_a_day(session, org_id, paths)


def entries(session: Session, org_id: int, days: Days) -> Iterator[Row[Any]]:
    """Both sides of every transfer, the debit first, in the order they were posted."""
    return streamed(session, ENTRIES, days.asked(org_id))


def _opening(accounts: Mapping[int, Exported], days: Days, syntax: Syntax) -> Iterator[str]:
    """What stood before the first day. It sums to nothing by itself, as every journal before did."""
    standing = [account for account in accounts.values() if account.opening.minor]
    if standing:
        yield ""
        yield from syntax.transaction(days.first - ONE_DAY, "opening balances", "", {})
        for account in standing:
            yield from syntax.posting(account.path, account.opening, {})


def _assertions(accounts: Mapping[int, Exported], days: Days, syntax: Syntax) -> Iterator[str]:
    """On the last day, or on that of the last entry."""
    moved = [(account.last, account) for account in accounts.values() if account.last]
    if moved:
        day = max(last for last, _ in moved) if days.last == LAST_DAY else days.last
        yield ""
        yield from syntax.assertions(day, [account for _, account in moved])


def _journal(
    journal: str, transfers: Sequence[Row[Any]], paths: Mapping[int, str], syntax: Syntax
) -> Iterator[str]:
    first = transfers[0]
    about = {"posted-at": _instant(first.posted_at)}
    if first.carried_from:
        about["carried-from"] = str(first.carried_from)
    yield ""
    yield from syntax.transaction(first.effective, first.kind, journal, about)
    for row in transfers:
        amount = Money(row.amount_minor, CODES[row.currency])
        kept = {"transfer": row.id, "hold": row.hold, "reverses": row.reverses}
        about = {name: str(value) for name, value in kept.items() if value is not None}
        yield from syntax.posting(paths[row.debit_account], amount, about)
        yield from syntax.posting(
            paths[row.credit_account], Money(-amount.minor, amount.currency), about
        )


def _without_a_day(session: Session, org_id: int, paths: Mapping[int, str]) -> Iterator[str]:
    yield ""
    for row in streamed(session, HOLDS, {"org": org_id}):
        left = Money(
            row.amount_minor - row.captured_minor - row.released_minor, CODES[row.currency]
        )
        expires = f", until {_instant(row.expires_at)}" if row.expires_at else ""
        sides = f"from {paths[row.credit_account]} to {paths[row.debit_account]}"
        yield f"; hold {row.hold}: {left} {sides}{expires}"
    for row in streamed(session, NOTHING_MOVED, {"org": org_id}):
        outcome = Outcome(row.outcome)
        what = "moved nothing" if outcome is Outcome.POSTED else f"refused, {outcome.name}"
        yield f"; journal {row.journal}: {what}"


def _accounts(session: Session, org_id: int, days: Days) -> dict[int, Exported]:
    """Every account of the book, by number, name and currency."""
    found = {}
    for row in rows_of(session, ACCOUNTS, days.asked(org_id)):
        currency = CODES[row.currency]
        opening = Money(int(row.opening), currency)
        first = days.first - ONE_DAY if opening.minor else row.first_day
        opened = business_date(row.opened_at)
        found[row.id] = Exported(
            path=_path(row),
            name=_harmless(f"{row.number} {row.name}".strip()),
            opened=min(opened, first or opened),
            last=row.last_day,
            opening=opening,
            closing=Money(int(row.closing), currency),
        )
    return found


def _path(row: Row[Any]) -> str:
    """Assets:1210:17-stripe. The account's id tells names apart that are alike without their signs."""
    line = CHART.get(row.number)
    by_side = AccountClass.ASSET if row.normal_side == Side.DEBIT else AccountClass.LIABILITY
    root = ROOTS[line.account_class if line else by_side]
    parts = (root, _part(row.number).upper() or "0", f"{row.id}-{_part(row.name)}".rstrip("-"))
    return ":".join(parts)


def _part(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:LONGEST_PART]


def _harmless(name: str) -> str:
    """The name on one line, without what ends a text or begins another."""
    return "".join(sign if sign.isprintable() and sign not in '"\\' else "?" for sign in name)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _span(days: Days) -> str:
    first = "the first day" if days.first == FIRST_DAY else str(days.first)
    last = "the last" if days.last == LAST_DAY else str(days.last)
    return f"From {first} to {last}."


ACCOUNTS = """
SELECT a.id, a.number, a.name, a.currency, a.normal_side, a.opened_at,
       coalesce(sum(e.debit_minor - e.credit_minor) FILTER (WHERE e.effective < :first), 0) AS opening,
       coalesce(sum(e.debit_minor - e.credit_minor), 0) AS closing,
       min(e.effective) FILTER (WHERE e.effective >= :first) AS first_day, max(e.effective) AS last_day
  FROM ledger.account a
  LEFT JOIN ledger.entry e ON e.org_id = a.org_id AND e.account = a.id AND e.effective <= :last
 WHERE a.org_id = :org
 GROUP BY a.org_id, a.id
HAVING count(e.account) > 0 OR (a.opened_at AT TIME ZONE 'Asia/Tashkent')::date <= :last
 ORDER BY a.number, a.name, a.currency
"""
TRANSFERS = """
SELECT t.id, t.journal, k.name AS kind, t.effective, t.posted_at, t.carried_from, t.hold, t.reverses,
       t.debit_account, t.credit_account, t.amount_minor, t.currency
  FROM ledger.transfer t JOIN ledger.journal_kind k ON k.kind = t.kind
 WHERE t.org_id = :org AND t.effective BETWEEN :first AND :last
 ORDER BY t.id
"""
ENTRIES = """
SELECT e.transfer, e.journal, k.name AS kind, e.effective, e.posted_at, e.account, a.number, a.name,
       e.debit_minor, e.credit_minor, e.currency, e.seq, e.balance, e.carried_from, e.hold, e.reverses
  FROM ledger.entry e
  JOIN ledger.account a ON a.org_id = e.org_id AND a.id = e.account
  JOIN ledger.journal_kind k ON k.kind = e.kind
 WHERE e.org_id = :org AND e.effective BETWEEN :first AND :last
 ORDER BY e.transfer, e.debit_minor = 0
"""
HOLDS = "SELECT * FROM ledger.hold WHERE org_id = :org AND state = 1 ORDER BY hold"
NOTHING_MOVED = """
SELECT journal, outcome FROM ledger.journal
 WHERE org_id = :org AND (outcome <> 1 OR transfers = 0) ORDER BY batch, place
"""
