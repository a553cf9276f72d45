"""Reconcile: read settlements, match statement lines, post what is certain, leave the rest as breaks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.clock import business_date
from foundation.database import Base
from foundation.errors import NotFound
from foundation.history import record
from foundation.ids import derive_id, new_id
from identity.actor import Actor
from identity.parties import operator
from ledger.books import RULES as LEDGER_RULES
from ledger.books import prove
from ledger.money import Money
from ledger.transfers import post_all
from payments import entries
from payments.bills import Bill, lock_bill
from payments.breaks import BreakKind, open_break
from payments.charges import Charge, ChargeState, settle_charge
from payments.checkout import Till, apply_answer
from payments.gateways.protocol import ProviderUnreachable
from payments.reconciliation import settlements
from payments.reconciliation.bank_accounts import bank_accounts, lock_bank_account
from payments.reconciliation.matching import (
    BillMatch,
    Decision,
    Leftover,
    Line,
    PayoutMatch,
    Unmatched,
    match,
)
from payments.reconciliation.proof import RULES
from payments.reconciliation.records import LineState, StatementLine
from payments.reconciliation.settlements import Payout, PayoutState

# Reports are read with a look-back, since providers add late ones; a report already kept is skipped.
LOOK_BACK_DAYS = 30
LINES_PER_TRANSACTION = 200

BREAK_FOR = {
    Leftover.NO_KEY: BreakKind.UNIDENTIFIED,
    Leftover.SEVERAL_KEYS: BreakKind.UNIDENTIFIED,
    Leftover.PAYOUT_AMOUNT_DIFFERS: BreakKind.PAYOUT_DIFFERS,
    Leftover.PAYOUT_SEEN_BEFORE: BreakKind.PAYOUT_DIFFERS,
    Leftover.DEBIT: BreakKind.DEBIT_UNEXPLAINED,
}


class ReconciliationRun(Base):
    """One run: what it did, and whether every proof held after it."""

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
    with till.database.transaction() as session:
        checks = list(prove(session, LEDGER_RULES + RULES))
        run = ReconciliationRun(
            org_id=operator(session).org_id,
            id=new_id(),
            by=str(by),
            at=at,
            counts=counts,
            proof=[
                {
                    "name": check.name,
                    "sentence": check.sentence,
                    "examined": check.examined,
                    "difference": _plain(check.difference),
                }
                for check in checks
            ],
        )
        session.add(run)
    return run


def read_settlements(till: Till, *, at: datetime) -> dict[str, int]:
    """Ask each provider for its settlement reports and keep the new ones."""
    counts = {"reports": 0, "unreachable": 0}
    since = at.fromtimestamp(at.timestamp() - LOOK_BACK_DAYS * 86_400, tz=at.tzinfo)
    for name, gateway in till.gateways.items():
        try:
            reports = gateway.settlements(since=since)
        except ProviderUnreachable:
            counts["unreachable"] += 1
            continue
        for report in reports:
            with till.database.transaction() as session:
                org = operator(session).org_id
                counts["reports"] += settlements.keep_report(session, org, name, report, at=at)
    return counts


def match_lines(till: Till, *, by: Actor, at: datetime) -> dict[str, int]:
    """Decide every unmatched line of our bank accounts and post what is certain."""
    counts = dict.fromkeys(("payouts", "bank_transfers", "suspense", "breaks"), 0)
    with till.database.transaction() as session:
        accounts = [(account.account, account.currency) for account in bank_accounts(session)]
    for account, currency in accounts:
        while True:
            with till.database.transaction() as session:
                lock_bank_account(session, account, currency)
                lines = _unmatched(session, account, currency)
                for line, decision in _decide(session, lines):
                    counts[_carry_out(session, line, decision, by=by, at=at)] += 1
            if len(lines) < LINES_PER_TRANSACTION:
                break
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
    """A charge whose callback never came stands in a settlement report: ask its provider."""
    with till.database.transaction() as session:
        waiting = settlements.unsettled_charges(session, operator(session).org_id)
    found = 0
    for charge in waiting:
        gateway = till.gateways.get(charge.provider)
        try:
            answer = gateway.ask(charge.provider_ref or "") if gateway else None
        except ProviderUnreachable:
            continue
        if answer is not None:
            with till.database.transaction() as session:
                after = apply_answer(session, charge.handle, answer, by=by, at=at)
            found += after.state == ChargeState.SETTLED
    return found


def _unmatched(session: Session, account: str, currency: str) -> list[StatementLine]:
    query = (
        select(StatementLine)
        .where(
            StatementLine.state == LineState.UNMATCHED.value,
            StatementLine.account == account,
            StatementLine.currency == currency,
        )
        .order_by(StatementLine.booking_date, StatementLine.amount_minor, StatementLine.id)
        .limit(LINES_PER_TRANSACTION)
        .with_for_update()
    )
    return list(session.scalars(query))


def _decide(session: Session, lines: list[StatementLine]) -> list[tuple[StatementLine, Decision]]:
    org = operator(session).org_id
    payouts = {
        (payout.provider, payout.id): payout.net for payout in settlements.announced(session, org)
    }
    facts = [
        Line(line.id, line.amount, (line.end_to_end_id, line.purpose, *line.references))
        for line in lines
    ]
    return list(zip(lines, match(facts, payouts), strict=True))


def _carry_out(
    session: Session, line: StatementLine, decision: Decision, *, by: Actor, at: datetime
) -> str:
    if isinstance(decision, PayoutMatch):
        return _settle_payout(session, line, decision, by=by, at=at)
    if isinstance(decision, BillMatch):
        return _pay_bill(session, line, decision, by=by, at=at)
    return _leave_to_a_person(session, line, decision, by=by, at=at)


def _settle_payout(
    session: Session, line: StatementLine, decision: PayoutMatch, *, by: Actor, at: datetime
) -> str:
    """Post a payout the bank has shown: each agency's book, and the operator's, linked by its id."""
    provider, payout_id = decision.payout
    payout = session.get_one(Payout, (line.org_id, provider, payout_id), with_for_update=True)
    if faults := settlements.faults_of(session, payout):
        left = Unmatched(line.id, Leftover.PAYOUT_AMOUNT_DIFFERS, "; ".join(faults[:5]))
        return _leave_to_a_person(session, line, left, by=by, at=at)
    effective = line.booking_date or business_date(at)
    nets: list[tuple[int, Money]] = []
    journals = []
    for agency, gross, fee in _by_agency(session, payout):
        journals.append(
            entries.payout_settled(
                agency, provider, payout_id, gross=gross, fee=fee, effective=effective
            )
        )
        nets.append((agency, gross - fee))
    journals.append(
        entries.payout_received(
            line.org_id, provider, payout_id, nets, account=line.account, effective=effective
        )
    )
    post_all(session, [journal for journal in journals if journal.transfers])
    payout.state, payout.settled_at = PayoutState.SETTLED.value, at
    target = {"payout": payout_id, "provider": provider, "rule": decision.rule.value}
    _mark(session, line, LineState.MATCHED, target, by=by, at=at)
    return "payouts"


def _by_agency(session: Session, payout: Payout) -> list[tuple[int, Money, Money]]:
    sums: dict[int, tuple[int, int]] = {}
    for item in settlements.items_of(session, payout):
        agency = item.agency_org_id or 0
        gross, fee = sums.get(agency, (0, 0))
        sums[agency] = (gross + item.gross_minor, fee + item.fee_minor)
    currency = payout.currency
    return [
        (agency, Money(gross, currency), Money(fee, currency))
        for agency, (gross, fee) in sorted(sums.items())
    ]


def _pay_bill(
    session: Session, line: StatementLine, decision: BillMatch, *, by: Actor, at: datetime
) -> str:
    """A bank transfer with a bill's reference: the agency's book and the operator's, one charge."""
    try:
        bill = lock_bill(session, decision.reference)
    except NotFound:
        left = Unmatched(line.id, Leftover.NO_KEY, f"no bill {decision.reference}")
        return _leave_to_a_person(session, line, left, by=by, at=at)
    charge = _bank_charge(session, line, bill, at=at)
    record(session, charge, "created", by=by, at=at, provider=entries.BANK_TRANSFER, line=line.id)
    settle_charge(session, charge, confirmed=line.amount, by=by, at=at)
    effective = line.booking_date or business_date(at)
    received = entries.bank_received_for_agency(
        line.org_id, bill.org_id, line.id, line.amount, account=line.account, effective=effective
    )
    post_all(session, [received])
    target = {
        "reference": bill.reference,
        "charge": str(charge.handle),
        "rule": decision.rule.value,
    }
    _mark(session, line, LineState.MATCHED, target, by=by, at=at)
    return "bank_transfers"


def _bank_charge(session: Session, line: StatementLine, bill: Bill, *, at: datetime) -> Charge:
    charge = Charge(
        org_id=bill.org_id,
        id=derive_id(line.id, "charge"),
        bill_id=bill.id,
        provider=entries.BANK_TRANSFER,
        provider_ref=line.bank_reference or str(line.id),
        language="uz",
        amount_minor=line.amount_minor,
        currency=line.currency,
        state=ChargeState.EXPIRED.value,  # never an open attempt: the money is here already
        created_at=at,
    )
    session.add(charge)
    session.flush()
    return charge


def _leave_to_a_person(
    session: Session, line: StatementLine, decision: Unmatched, *, by: Actor, at: datetime
) -> str:
    """Money that came in waits on 2310; anything else is listed and not posted."""
    kind = BREAK_FOR[decision.why]
    open_break(
        session,
        line.org_id,
        kind,
        subject="statement_line",
        subject_id=str(line.id),
        amount=line.amount,
        at=at,
        why=decision.why.value,
        detail=decision.detail,
        purpose=line.purpose[:500],
        booking_date=str(line.booking_date or ""),
    )
    if kind is not BreakKind.UNIDENTIFIED or line.amount_minor <= 0:
        _mark(session, line, LineState.BREAK, None, by=by, at=at)
        return "breaks"
    effective = line.booking_date or business_date(at)
    waiting = entries.unidentified_received(
        line.org_id, line.id, line.amount, account=line.account, effective=effective
    )
    post_all(session, [waiting])
    _mark(session, line, LineState.SUSPENSE, None, by=by, at=at)
    return "suspense"


def _mark(
    session: Session,
    line: StatementLine,
    state: LineState,
    target: dict[str, Any] | None,
    *,
    by: Actor,
    at: datetime,
) -> None:
    line.state, line.matched_to, line.matched_at = state.value, target, at
    record(session, line, state.value, by=by, at=at, **(target or {}))


def _plain(difference: dict[str, Any] | None) -> dict[str, str] | None:
    return {name: str(value) for name, value in difference.items()} if difference else None
