"""Reconcile: read settlements, match statement lines, carry out what was decided, prove; and past runs."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Text, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.database import Base
from foundation.errors import Refusal
from foundation.ids import new_id
from identity.actor import Actor
from identity.parties import operator
from payments.charges import ChargeState
from payments.checkout import Till, apply_what_was_asked
from payments.gateways.protocol import ProviderUnreachable
from payments.reconciliation import posting, settlements
from payments.reconciliation.bank_accounts import BankAccount, bank_accounts, lock_bank_account
from payments.reconciliation.matching import Decision, Line, PayoutMatch, match
from payments.reconciliation.proving import prove_quickly
from payments.reconciliation.records import LineState, StatementLine
from payments.reconciliation.settlements import PayoutState

# Reports are read with a look-back, since providers add late ones; a report already kept is skipped.
LOOK_BACK = timedelta(days=30)
LINES_PER_TRANSACTION = 200

LEFT = (LineState.SUSPENSE.value, LineState.BREAK.value)
# The same lines are always decided in the same order.
IN_ORDER = (StatementLine.booking_date, StatementLine.amount_minor, StatementLine.id)


class ReconciliationRun(Base):
    """One run: what it did, and whether the quick proofs held after it."""

    __tablename__ = "reconciliation_run"
    __table_args__ = {"schema": "payments"}

    org_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    by: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    counts: Mapped[dict[str, Any]]
    proof: Mapped[list[dict[str, Any]]]


def reconcile(till: Till, *, by: Actor, at: datetime) -> ReconciliationRun:
    """One whole run, in small transactions; running it again finds nothing left to do."""
    counts = read_settlements(till, at=at)
    counts["found_by_asking"] = _settle_what_is_paid_out(till, by=by, at=at)
    counts |= match_lines(till, by=by, at=at)
    # The night proves everything: here only that the clearing accounts meet banks and providers.
    checks = prove_quickly(till.database, by=by, at=at)
    with till.database.transaction() as session:
        run = ReconciliationRun(
            org_id=operator(session).org_id,
            id=new_id(),
            by=str(by),
            at=at,
            counts=counts,
            proof=[check.as_json() for check in checks],
        )
        session.add(run)
    return run


def read_settlements(till: Till, *, at: datetime) -> dict[str, int]:
    """Ask each provider for its settlement reports and keep the new ones."""
    counts = {"reports": 0, "unreachable": 0}
    for name, gateway in till.gateways.items():
        try:
            reports = gateway.settlements(since=at - LOOK_BACK)
        except ProviderUnreachable:
            counts["unreachable"] += 1
            continue
        for report in reports:
            with till.database.transaction() as session:
                org = operator(session).org_id
                counts["reports"] += settlements.keep_report(session, org, name, report, at=at)
    return counts


def match_lines(till: Till, *, by: Actor, at: datetime) -> dict[str, int]:
    """Decide every open line of our bank accounts and post what is certain."""
    counts = dict.fromkeys(("payouts", "bank_transfers", "suspense", "breaks", "waiting"), 0)
    with till.database.transaction() as session:
        accounts = bank_accounts(session, operator(session).org_id)
    for account in accounts:
        with till.database.transaction() as session:
            waiting = _open_lines(session, account)
        for start in range(0, len(waiting), LINES_PER_TRANSACTION):
            with till.database.transaction() as session:
                lock_bank_account(session, account.org_id, account.account, account.currency)
                batch = waiting[start : start + LINES_PER_TRANSACTION]
                decided = _decide(session, account.org_id, batch)
                posting.lock_bills(session, [decision for _, decision in decided])
                for line, decision in decided:
                    counts[posting.carry_out(session, line, decision, by=by, at=at)] += 1
    return counts


def last_run(session: Session, org_id: int) -> ReconciliationRun | None:
    """The newest run."""
    runs = recent_runs(session, org_id, limit=1)
    return runs[0] if runs else None


def recent_runs(session: Session, org_id: int, *, limit: int = 10) -> list[ReconciliationRun]:
    """The newest runs, newest first."""
    query = select(ReconciliationRun).where(ReconciliationRun.org_id == org_id)
    return list(session.scalars(query.order_by(ReconciliationRun.at.desc()).limit(limit)))


def _settle_what_is_paid_out(till: Till, *, by: Actor, at: datetime) -> int:
    """A charge whose callback never came stands in a settlement report: ask its provider.

    One that cannot be asked or settled now stays a fault of its payout.
    """
    with till.database.transaction() as session:
        waiting = settlements.unsettled_charges(session, operator(session).org_id)
    found = 0
    for charge in waiting:
        gateway = till.gateways.get(charge.provider)
        if gateway is None or charge.provider_ref is None:
            continue
        with suppress(Refusal):
            answer = gateway.ask(charge.provider_ref)
            if answer is not None:
                with till.database.transaction() as session:
                    after = apply_what_was_asked(session, charge.handle, answer, by=by, at=at)
                found += after.state == ChargeState.SETTLED
    return found


def _open_lines(session: Session, account: BankAccount) -> list[UUID]:
    """The lines to decide: new ones, and left ones of the amount of a payout not seen yet.

    The bank may show a payout before its provider's report could be read, so it is looked at again.
    """
    nets = [payout.net_minor for payout in settlements.announced(session, account.org_id)]
    left = StatementLine.state.in_(LEFT) & StatementLine.amount_minor.in_(nets)
    query = select(StatementLine.id).where(
        StatementLine.org_id == account.org_id,
        StatementLine.account == account.account,
        StatementLine.currency == account.currency,
        or_(StatementLine.state == LineState.UNMATCHED.value, left),
    )
    return list(session.scalars(query.order_by(*IN_ORDER)))


def _decide(session: Session, org_id: int, ids: list[UUID]) -> list[tuple[StatementLine, Decision]]:
    query = (
        select(StatementLine)
        .where(
            StatementLine.org_id == org_id,
            StatementLine.id.in_(ids),
            StatementLine.state.in_([LineState.UNMATCHED.value, *LEFT]),
        )
        .order_by(*IN_ORDER)
        .with_for_update()
    )
    lines = list(session.scalars(query))
    payouts = {(one.provider, one.id): one for one in settlements.payouts(session, org_id)}
    seen = [key for key, one in payouts.items() if one.state == PayoutState.SETTLED]
    facts = [
        Line(line.id, line.amount, (line.end_to_end_id, line.purpose, *line.references))
        for line in lines
    ]
    nets = {key: payout.net for key, payout in payouts.items()}
    decided = list(zip(lines, match(facts, nets, seen=seen), strict=True))
    return [
        (line, decision)
        for line, decision in decided
        if line.state == LineState.UNMATCHED
        or (
            isinstance(decision, PayoutMatch)
            and not settlements.faults_of(session, payouts[decision.payout])
        )
    ]
