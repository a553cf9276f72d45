"""Payme's transactions: check, create, perform, cancel and list them, each in one transaction.

Every operation answers a repeat with what the first call was told. A transaction that is not performed
within twelve hours of Payme's own time is cancelled with reason 4.
Source: Payme developer pages, "Merchant API", methods; docs/journeys/payme.md.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    select,
)
from sqlalchemy.orm import Session

from foundation.errors import NotFound, Refused
from identity.actor import provider_actor
from ledger.money import Money
from ledger.posting import NotPosted
from ledger.shutting import takes_postings
from payments.bills import LIFECYCLE as BILL_LIFECYCLE
from payments.bills import Bill, BillState, find_bill, lock_bill, masked
from payments.callbacks.payme import errors
from payments.callbacks.payme.errors import PaymeError
from payments.callbacks.payme.records import (
    TIMEOUT_MILLISECONDS,
    PaymeState,
    PaymeTransaction,
    milliseconds,
    stale,
)
from payments.charges import (
    BillBusy,
    Charge,
    ChargeState,
    close_charge,
    current_charge,
    lock_charge,
    mark_sent,
    open_charge,
    reverse_charge,
    settle_charge,
)
from payments.gateways.payme import ACCOUNT_FIELD
from payments.registry.services import Service

PAYME = provider_actor("payme")
REASON_TIMEOUT = 4
DAY_MILLISECONDS = 86_400_000
# 1, 2, 3, 4, 5 and 10 are documented; a new one must not stop a cancellation.
REASONS = range(1, 100)

Answer = dict[str, Any] | PaymeError


def check_perform(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:
    """Say whether this bill can be paid with this amount now; nothing is written."""
    bill = _bill(session, params["account"], lock=False)
    if isinstance(bill, PaymeError):
        return bill
    if refusal := _not_payable(session, bill, params["amount"], at):
        return refusal
    service = session.get_one(Service, (bill.org_id, bill.service_code))
    return {
        "allow": True,
        "additional": {"service": service.name["uz"], "payer": masked(bill.payer_name)},
    }


def create(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:
    """Reserve the bill for this transaction; no money moves, nothing is posted."""
    if params["time"] > milliseconds(at) + DAY_MILLISECONDS:
        return errors.BAD_REQUEST.about("time")  # it would never time out
    if known := session.get(PaymeTransaction, params["id"]):
        return _created_before(session, known, params, at=at)
    bill = _bill(session, params["account"], lock=True)
    if isinstance(bill, PaymeError):
        return bill
    if known := session.get(PaymeTransaction, params["id"], populate_existing=True):
        return _created_before(session, known, params, at=at)  # a twin call won the bill's lock
    _free_if_timed_out(session, bill, at=at)
    if refusal := _not_payable(session, bill, params["amount"], at):
        return errors.WRONG_STATE if _reserved_by_payme(session, bill) else refusal
    try:
        charge = open_charge(session, bill, provider="payme", language="uz", by=PAYME, at=at)
    except BillBusy:
        return errors.BUSY.about(ACCOUNT_FIELD)
    transaction = _write_down(session, charge, params, at=at)
    if stale(transaction.time, at):
        _cancel_unperformed(session, charge, transaction, REASON_TIMEOUT, at=at)
        return errors.WRONG_STATE
    return _created(transaction)


def perform(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:
    """The payer's money is debited: settle the charge, post, pay the bill, write the receipt."""
    locked = _lock(session, params["id"])
    if locked is None:
        return errors.NO_TRANSACTION
    charge, transaction = locked
    if transaction.state == PaymeState.PERFORMED:
        return transaction.view("transaction", "perform_time", "state")
    if transaction.state != PaymeState.CREATED:
        return errors.WRONG_STATE
    if transaction.timed_out(at):
        _cancel_unperformed(session, charge, transaction, REASON_TIMEOUT, at=at)
        return errors.WRONG_STATE
    bill = session.get_one(Bill, (charge.org_id, charge.bill_id))
    if not BILL_LIFECYCLE.allows("pay", BillState(bill.state)):
        return errors.WRONG_STATE  # paid by bank or cancelled meanwhile: better not debited at all
    settle_charge(session, charge, confirmed=charge.amount, by=PAYME, at=at)
    transaction.state = PaymeState.PERFORMED.value
    transaction.perform_time = milliseconds(at)
    return transaction.view("transaction", "perform_time", "state")


def cancel(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:
    """Give the bill free again; after a performed payment the money goes back and is posted back."""
    if params["reason"] not in REASONS:
        return errors.BAD_REQUEST.about("reason")
    locked = _lock(session, params["id"])
    if locked is None:
        return errors.NO_TRANSACTION
    charge, transaction = locked
    if transaction.state == PaymeState.CREATED:
        _cancel_unperformed(session, charge, transaction, params["reason"], at=at)
    elif transaction.state == PaymeState.PERFORMED:
        try:
            with session.begin_nested():
                reverse_charge(session, charge, reason=f"payme {params['reason']}", by=PAYME, at=at)
        except NotPosted:
            return errors.CANNOT_CANCEL  # the payer's credit has been used meanwhile
        transaction.state, transaction.reason = PaymeState.REVERSED.value, params["reason"]
        transaction.cancel_time = milliseconds(at)
    return transaction.view("transaction", "cancel_time", "state")


def check(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:  # noqa: ARG001
    """Tell the transaction's present state; nothing is written."""
    transaction = session.get(PaymeTransaction, params["id"])
    if transaction is None:
        return errors.NO_TRANSACTION
    return transaction.view(
        "create_time", "perform_time", "cancel_time", "transaction", "state", "reason"
    )


def get_statement(session: Session, params: Mapping[str, Any], *, at: datetime) -> Answer:  # noqa: ARG001
    """List transactions of Payme's own period, by Payme's time, ascending, in every state.

    One that was too old when it came was refused, so it is not listed.
    """
    query = (
        select(PaymeTransaction)
        .where(
            PaymeTransaction.time.between(params["from"], params["to"]),
            PaymeTransaction.time > PaymeTransaction.create_time - TIMEOUT_MILLISECONDS,
        )
        .order_by(PaymeTransaction.time, PaymeTransaction.id)
    )
    names = ("id", "time", "account", "create_time", "perform_time", "cancel_time")
    return {
        "transactions": [
            {
                **row.view(*names, "transaction", "state", "reason"),
                "amount": row.amount_minor,
                "receivers": None,
            }
            for row in session.scalars(query)
        ]
    }


def cancel_timed_out(session: Session, *, at: datetime, limit: int = 100) -> int:
    """Cancel transactions that waited more than twelve hours (reason 4); their bills are free again."""
    latest = milliseconds(at) - TIMEOUT_MILLISECONDS
    query = (
        select(PaymeTransaction.id)
        .where(PaymeTransaction.state == PaymeState.CREATED.value, PaymeTransaction.time <= latest)
        .order_by(PaymeTransaction.time)
        .limit(limit)
    )
    cancelled = 0
    for id in session.scalars(query).all():  # noqa: A001
        locked = _lock(session, id)
        if locked is not None and locked[1].timed_out(at):
            _cancel_unperformed(session, *locked, REASON_TIMEOUT, at=at)
            cancelled += 1
    return cancelled


def _bill(session: Session, account: Mapping[str, Any], *, lock: bool) -> Bill | PaymeError:
    reference = account.get(ACCOUNT_FIELD)
    if isinstance(reference, bool) or not isinstance(reference, str | int):
        return errors.UNKNOWN_REFERENCE.about(ACCOUNT_FIELD)
    try:
        return (lock_bill if lock else find_bill)(session, str(reference))
    except (NotFound, Refused):
        return errors.UNKNOWN_REFERENCE.about(ACCOUNT_FIELD)


def _not_payable(session: Session, bill: Bill, amount: int, at: datetime) -> PaymeError | None:
    by_state = {
        BillState.PAID: errors.ALREADY_PAID,
        BillState.EXPIRED: errors.EXPIRED,
        BillState.CANCELLED: errors.CANCELLED,
    }
    if refusal := by_state.get(bill.state_at(at)):
        return refusal.about(ACCOUNT_FIELD)
    if Money(amount, "UZS") != bill.amount:
        return errors.WRONG_AMOUNT
    if not takes_postings(session, bill.org_id):
        return errors.NOT_NOW.about(ACCOUNT_FIELD)
    current = current_charge(session, bill)
    if current is not None and current.state == ChargeState.PENDING:
        return errors.BUSY.about(ACCOUNT_FIELD)
    return None


def _reserved_by_payme(session: Session, bill: Bill) -> bool:
    current = current_charge(session, bill)
    return (
        current is not None and current.provider == "payme" and current.state == ChargeState.PENDING
    )


def _free_if_timed_out(session: Session, bill: Bill, *, at: datetime) -> None:
    current = current_charge(session, bill)
    if current is None or current.provider != "payme" or current.provider_ref is None:
        return
    locked = _lock(session, current.provider_ref)
    if locked is not None and locked[1].timed_out(at):
        _cancel_unperformed(session, *locked, REASON_TIMEOUT, at=at)


def _write_down(
    session: Session, charge: Charge, params: Mapping[str, Any], *, at: datetime
) -> PaymeTransaction:
    charge.payment_ref = params["id"]
    mark_sent(session, charge, provider_ref=params["id"], checkout_url=None, by=PAYME, at=at)
    transaction = PaymeTransaction(
        id=params["id"],
        org_id=charge.org_id,
        charge_id=charge.id,
        time=params["time"],
        amount_minor=params["amount"],
        account={ACCOUNT_FIELD: params["account"][ACCOUNT_FIELD]},
        create_time=milliseconds(at),
        perform_time=0,
        cancel_time=0,
        state=PaymeState.CREATED.value,
        reason=None,
    )
    session.add(transaction)
    return transaction


def _created_before(
    session: Session, known: PaymeTransaction, params: Mapping[str, Any], *, at: datetime
) -> Answer:
    charge, transaction = _lock(session, known.id) or (None, known)
    asked = (params["amount"], params["account"].get(ACCOUNT_FIELD))
    if asked != (transaction.amount_minor, transaction.account.get(ACCOUNT_FIELD)):
        return errors.WRONG_STATE
    if charge is not None and transaction.timed_out(at):
        _cancel_unperformed(session, charge, transaction, REASON_TIMEOUT, at=at)
    if transaction.state != PaymeState.CREATED:
        return errors.WRONG_STATE
    return _created(transaction)


def _created(transaction: PaymeTransaction) -> dict[str, Any]:
    return {**transaction.view("create_time", "transaction", "state"), "receivers": None}


def _lock(session: Session, id: str) -> tuple[Charge, PaymeTransaction] | None:
    """Bill, charge, transaction: locked in this order everywhere."""
    found = session.get(PaymeTransaction, id)
    if found is None:
        return None
    charge = lock_charge(session, found.handle)
    session.refresh(found, with_for_update=True)
    return charge, found


def _cancel_unperformed(
    session: Session, charge: Charge, transaction: PaymeTransaction, reason: int, *, at: datetime
) -> None:
    event = "expire" if reason == REASON_TIMEOUT else "cancel"
    close_charge(session, charge, event, by=PAYME, at=at, reason=f"payme {reason}")
    transaction.state, transaction.reason = PaymeState.CANCELLED.value, reason
    transaction.cancel_time = milliseconds(at)
