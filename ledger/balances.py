"""Read the ledger: what an account has, its statement, the trial balance, a journal's transfers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, aliased

from ledger.accounts import Account, AccountNotFound
from ledger.chart import JournalKind
from ledger.currencies import CODES
from ledger.day_totals import NOTHING, turnovers
from ledger.money import Money
from ledger.transfers import TransferRow

STATEMENT_PAGE = 50


@dataclass(frozen=True)
class TrialLine:
    """One account in the trial balance: its turnovers, and its balance on the normal side."""

    account: Account
    debits: Money
    credits: Money

    @property
    def balance(self) -> Money:
        """What its turnovers come to, positive on the account's normal side."""
        net = self.debits.minor - self.credits.minor
        return Money(net * self.account.normal_side, self.debits.currency)


@dataclass(frozen=True)
class StatementEntry:
    """One movement of an account with the balance it left."""

    seq: int
    effective: date
    posted_at: datetime
    kind: JournalKind
    other_account: int
    debit: Money | None
    credit: Money | None
    balance: Money
    journal: UUID


@dataclass(frozen=True)
class JournalLine:
    """One transfer of a journal, with its accounts."""

    debit: Account
    credit: Account
    amount: Money
    kind: JournalKind
    effective: date


@dataclass(frozen=True)
class Standing:
    """What an account has at one moment: balance, holds and limits, and the sequence it has reached.

    `available` is what a movement may take: the balance less what is held; it may fall to `least`.
    `held_out` will leave the account, `held_in` will come; the balance with `held_in` may not pass `most`.
    """

    balance: Money
    held_out: Money
    held_in: Money
    available: Money
    least: Money | None
    most: Money | None
    seq: int


def standing(session: Session, org_id: int, account: int) -> Standing:
    """Balance, holds, limits and sequence in one snapshot. Raises AccountNotFound."""
    row = session.execute(
        text("SELECT * FROM ledger.standing WHERE org_id = :org AND account = :account"),
        {"org": org_id, "account": account},
    ).one_or_none()
    if row is None:
        raise AccountNotFound(org_id=org_id, account=account)

    def money(minor: int) -> Money:
        return Money(minor, CODES[row.currency])

    return Standing(
        balance=money(row.posted),
        held_out=money(row.held_out),
        held_in=money(row.held_in),
        available=money(row.available),
        least=None if row.min_available is None else money(row.min_available),
        most=None if row.max_balance is None else money(row.max_balance),
        seq=row.seq,
    )


def trial_balance(
    session: Session,
    org_id: int,
    *,
    as_of: date | None = None,
    known_at: datetime | None = None,
) -> list[TrialLine]:
    """Every account of a book with what it turned over until the end of a day, in the order of the chart.

    As it was known at an instant, or as it is known now; without a day, whatever the day.
    """
    turned = turnovers(session, org_id, through=as_of, known_at=known_at)
    accounts = session.scalars(
        select(Account)
        .where(Account.org_id == org_id)
        .order_by(Account.currency, Account.number, Account.name)
    )
    lines = []
    for account in accounts:
        moved, currency = turned.get(account.id, NOTHING), CODES[account.currency]
        lines.append(
            TrialLine(
                account, Money(moved.debits_minor, currency), Money(moved.credits_minor, currency)
            )
        )
    return lines


def statement(
    session: Session, org_id: int, account_id: int, *, before_seq: int | None = None
) -> list[StatementEntry]:
    """A page of an account's movements, newest first; by sequence, so the cost is one page's."""
    rows = session.execute(
        text("SELECT * FROM ledger.statement(:org, :account, :before, :page)"),
        {
            "org": org_id,
            "account": account_id,
            "before": 2**62 if before_seq is None else before_seq,
            "page": STATEMENT_PAGE,
        },
    )
    entries = []
    for row in rows:
        currency = CODES[row.currency]
        entries.append(
            StatementEntry(
                seq=row.seq,
                effective=row.effective,
                posted_at=row.posted_at,
                kind=JournalKind(row.kind),
                other_account=row.other_account,
                debit=Money(row.debit_minor, currency) if row.debit_minor else None,
                credit=Money(row.credit_minor, currency) if row.credit_minor else None,
                balance=Money(row.balance, currency),
                journal=row.journal,
            )
        )
    return entries


def journal_lines(
    session: Session, org_id: int, first_id: int, count: int
) -> Sequence[JournalLine]:
    """The transfers of one journal, from the id its posting answered."""
    debit, credit = aliased(Account), aliased(Account)
    rows = session.execute(
        select(TransferRow, debit, credit)
        .join(debit, (debit.org_id == org_id) & (debit.id == TransferRow.debit_account))
        .join(credit, (credit.org_id == org_id) & (credit.id == TransferRow.credit_account))
        .where(TransferRow.org_id == org_id)
        .where(TransferRow.id.between(first_id, first_id + count - 1))
        .order_by(TransferRow.id)
    )
    return [
        JournalLine(
            debit_account,
            credit_account,
            Money(row.amount_minor, CODES[row.currency]),
            JournalKind(row.kind),
            row.effective,
        )
        for row, debit_account, credit_account in rows
    ]
