"""Carry out what matching decided: post payouts and bank transfers, leave the rest to a person."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

from sqlalchemy.orm import Session

from foundation.clock import TASHKENT, business_date
from foundation.errors import NotFound, Refusal
from foundation.history import record
from foundation.ids import derive_id
from identity.actor import Actor
from ledger.journals import Journal
from ledger.money import Money
from ledger.posting import BookShut, post_all
from payments import entries
from payments.bills import Bill, lock_bill
from payments.breaks import BreakKind, open_break, resolve_breaks_of
from payments.charges import Charge, ChargeState, settle_charge
from payments.reconciliation import settlements
from payments.reconciliation.matching import (
    BillMatch,
    Decision,
    Leftover,
    PayoutMatch,
    Unmatched,
)
from payments.reconciliation.records import LineState, StatementLine
from payments.reconciliation.settlements import Payout, PayoutState

# The bank says the day, not the hour.
NOON = time(12)

BREAK_FOR = {
    Leftover.NO_KEY: BreakKind.UNIDENTIFIED,
    Leftover.SEVERAL_KEYS: BreakKind.UNIDENTIFIED,
    Leftover.PAYOUT_AMOUNT_DIFFERS: BreakKind.PAYOUT_DIFFERS,
    Leftover.PAYOUT_SEEN_BEFORE: BreakKind.PAYOUT_DIFFERS,
    Leftover.DEBIT: BreakKind.DEBIT_UNEXPLAINED,
    Leftover.NOT_POSTED: BreakKind.MISSING_IN_LEDGER,
}


def lock_bills(session: Session, decisions: Iterable[Decision]) -> None:
    """Lock every bill the decisions name, in one order, before anything is posted.

    Whoever settles a single bill locks it before the ledger; so neither waits for the other in a ring.
    """
    for reference in sorted({one.reference for one in decisions if isinstance(one, BillMatch)}):
        with suppress(NotFound):
            lock_bill(session, reference)


def carry_out(
    session: Session, line: StatementLine, decision: Decision, *, by: Actor, at: datetime
) -> str:
    """Do what was decided of a locked line; returns what it counts as.

    A line that the books refuse is left to a person, and does not stop its neighbours. One whose book
    is shut stays as it is: the next run looks at it again.
    """
    try:
        with session.begin_nested():
            return _post(session, line, decision, by=by, at=at)
    except BookShut:
        return "waiting"
    except Refusal as refusal:
        left = Unmatched(line.id, Leftover.NOT_POSTED, str(refusal)[:500])
        return _leave_to_a_person(session, line, left, by=by, at=at)


def _post(
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
    """Post a payout the bank has shown: each agency's book, and the operator's, linked by its id.

    A line that waited on 2310, because the payout was not known then, is taken from there.
    """
    provider, payout_id = decision.payout
    payout = session.get_one(Payout, (line.org_id, provider, payout_id), with_for_update=True)
    if faults := settlements.faults_of(session, payout):
        left = Unmatched(line.id, Leftover.PAYOUT_AMOUNT_DIFFERS, "; ".join(faults[:5]))
        return _leave_to_a_person(session, line, left, by=by, at=at)
    journals = _journals_of(session, line, payout, line.booking_date or business_date(at))
    post_all(session, [journal for journal in journals if journal.lines])
    payout.state, payout.settled_at = PayoutState.SETTLED.value, at
    target = {"payout": payout_id, "provider": provider, "rule": decision.rule.value}
    _mark(session, line, LineState.MATCHED, target, by=by, at=at)
    resolve_breaks_of(
        session,
        line.org_id,
        "statement_line",
        str(line.id),
        kinds=(BreakKind.UNIDENTIFIED, BreakKind.PAYOUT_DIFFERS),
        resolution=f"{provider} announced the payout {payout_id} later; it matches.",
        by=by,
        at=at,
    )
    return "payouts"


def _journals_of(
    session: Session, line: StatementLine, payout: Payout, effective: date
) -> list[Journal]:
    shares = _by_agency(session, payout)
    journals = [
        entries.payout_settled(
            agency,
            payout.provider,
            payout.id,
            gross=gross,
            fee=fee,
            effective=effective,
            banked_by=line.org_id,
        )
        for agency, gross, fee in shares
    ]
    received = entries.payout_received(
        line.org_id,
        payout.provider,
        payout.id,
        [(agency, gross - fee) for agency, gross, fee in shares],
        account=line.account,
        effective=effective,
        was_unidentified=line.state == LineState.SUSPENSE,
    )
    return [*journals, received]


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
    effective = line.booking_date or business_date(at)
    arrived_at = min(at, datetime.combine(effective, NOON, TASHKENT))
    settle_charge(session, charge, confirmed=line.amount, by=by, at=at, arrived_at=arrived_at)
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
