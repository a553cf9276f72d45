"""Settle a charge when its money has arrived; reverse it when the provider gave it back."""

from datetime import datetime

from sqlalchemy.orm import Session

from foundation.clock import business_date
from foundation.history import record
from identity.actor import Actor
from identity.parties import operator
from ledger.journals import Journal
from ledger.money import Money
from ledger.posting import post_all
from payments import entries
from payments.bills import LIFECYCLE as BILL_LIFECYCLE
from payments.bills import Bill, BillState, lock_bill_by_id
from payments.breaks import BreakKind, open_break
from payments.charges.records import (
    CLOSED_UNPAID,
    LIFECYCLE,
    Applied,
    Charge,
    ChargeState,
)
from payments.receipts import issue_receipt
from payments.registry.services import ServiceVersion
from payments.registry.splits import split


def settle_charge(
    session: Session,
    charge: Charge,
    *,
    confirmed: Money,
    by: Actor,
    at: datetime,
    arrived_at: datetime | None = None,
) -> Charge:
    """Record that the payer's money has arrived; bill and receipt follow in the same transaction.

    Posts one journal in the agency's book: provider clearing against the payees of the bill's split.
    The journal's key is derived from the charge, so a repeated callback finds what the first one did.
    Money for a bill that is not owed any more, or another amount than asked, becomes the payer's
    credit and a break: money that arrived is never refused. `charge` must be locked, after its bill.
    `arrived_at` is given where the money came before we heard of it: the bank's booking date.

    Source: docs/accounting.md, payment confirmed and payment credited.
    """
    if charge.state in {ChargeState.SETTLED, ChargeState.REVERSED}:
        return charge
    bill = lock_bill_by_id(session, charge.org_id, charge.bill_id)
    late = charge.state in CLOSED_UNPAID
    charge.state = LIFECYCLE.after("settle", ChargeState(charge.state))
    charge.settled_at = arrived_at or at
    charge.confirmed_minor, charge.confirmed_currency = confirmed.minor, confirmed.currency
    owed = BILL_LIFECYCLE.allows("pay", BillState(bill.state)) and confirmed == bill.amount
    charge.applied = Applied.BILL.value if owed else Applied.CREDIT.value
    if owed:
        bill.state = BILL_LIFECYCLE.after("pay", BillState(bill.state))
        bill.paid_at = charge.settled_at
        record(session, bill, "paid", by=by, at=at, charge=charge.id)
    else:
        _explain_credit(session, charge, bill, at=at)
    posting = post_all(session, [settlement_entry(session, charge, bill)])[0]
    receipt = issue_receipt(session, charge.org_id, charge.id, amount=confirmed, at=at)
    facts = {"amount": str(confirmed), "applied": charge.applied, "late": late}
    facts |= {"journal": str(posting.journal), "receipt": receipt.number}
    record(session, charge, "settled", by=by, at=at, **facts)
    return charge


def reverse_charge(
    session: Session, charge: Charge, *, reason: str, by: Actor, at: datetime
) -> Charge:
    """The provider gave the payer the money back; the bill is owed again, the receipt is void.

    Posts the settlement's entry with its sides exchanged. `charge` must be locked, after its bill.
    Raises IllegalMove. Source: docs/accounting.md, payment reversed.
    """
    if charge.state == ChargeState.REVERSED:
        return charge
    bill = lock_bill_by_id(session, charge.org_id, charge.bill_id)
    charge.state = LIFECYCLE.after("reverse", ChargeState(charge.state))
    charge.closed_at = at
    settled = settlement_entry(session, charge, bill)
    entry = entries.payment_reversed(
        charge, settled, effective=business_date(at), reference=bill.reference
    )
    posting = post_all(session, [entry])[0]
    if charge.applied == Applied.BILL:
        bill.state = BILL_LIFECYCLE.after("reopen", BillState(bill.state))
        bill.paid_at = None
        record(session, bill, "reopened", by=by, at=at, charge=charge.id)
    record(session, charge, "reversed", by=by, at=at, reason=reason, journal=posting.journal)
    return charge


def settlement_entry(session: Session, charge: Charge, bill: Bill) -> Journal:
    """The journal of a settled charge, the same whenever it is asked for."""
    if charge.settled_at is None:
        raise ValueError("the charge is not settled")
    effective = business_date(charge.settled_at)
    at_bank = charge.provider == entries.BANK_TRANSFER
    banked_by = operator(session).org_id if at_bank else None
    if charge.applied == Applied.CREDIT:
        return entries.payment_credited(
            charge,
            charge.confirmed,
            effective=effective,
            reference=bill.reference,
            banked_by=banked_by,
        )
    version = session.get_one(
        ServiceVersion, (bill.org_id, bill.service_code, bill.service_version)
    )
    parts = split(charge.confirmed, version.shares)
    return entries.payment_confirmed(
        charge, parts, effective=effective, reference=bill.reference, banked_by=banked_by
    )


def _explain_credit(session: Session, charge: Charge, bill: Bill, *, at: datetime) -> None:
    kind = BreakKind.PAID_TWICE if bill.state == BillState.PAID else BreakKind.LATE
    if charge.confirmed != bill.amount:
        kind = BreakKind.AMOUNT
    open_break(
        session,
        charge.org_id,
        kind,
        subject="charge",
        subject_id=str(charge.id),
        amount=charge.confirmed,
        at=at,
        reference=bill.reference,
        provider=charge.provider,
        bill_state=bill.state,
        asked=str(bill.amount),
    )
