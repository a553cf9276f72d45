"""The citizen's page of one payment: checking, receipt, or not paid, by its state alone."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import now
from foundation.history import Event, events_of
from identity.actor import PAYER
from identity.parties import organisation
from ledger.evidence.proofs import Sealing, receipt_proof, sealing_of
from payments.bills import Bill, BillState, masked
from payments.charges import (
    CLOSED_UNPAID,
    Applied,
    Charge,
    ChargeState,
    Handle,
    find_charge,
)
from payments.checkout import can_be_given_up, cancel_checkout, paid_instead
from payments.entries import settled_by
from payments.receipts import Receipt, receipt_of
from payments.registry.services import Service
from portal.languages import Language, language_of, pick
from portal.pages.payments import CheckingPage, Moment, NotPaidPage, ReceiptPage
from portal.rendering import redirect, render
from portal.routes.evidence import json_file
from portal.routes.given import Taking

REFRESH_SECONDS = 3


router = APIRouter()


@router.get("/payments/{handle}")
def show(handle: str, request: Request, till: Taking, wait: str = "") -> Response:
    """What is known now; asks again by itself while it is not final."""
    language, refreshes = language_of(request), wait != "no"
    with till.database.transaction() as session:
        named = Handle.parse(handle)
        # The receipt before its charge: both are committed together, so the charge read is settled too.
        receipt = receipt_of(session, named.org_id, named.charge_id)
        charge = find_charge(session, named)
        bill = session.get_one(Bill, (charge.org_id, charge.bill_id))
        if receipt is not None:
            page = receipt_page(session, charge, bill, receipt, language)
            return render(request, "receipt.html", page)
        if found := paid_instead(session, charge):
            return redirect(request, f"/payments/{found.handle}")
        if charge.state in CLOSED_UNPAID:
            return render(request, "not_paid.html", not_paid_page(session, charge, bill, language))
        can_cancel = can_be_given_up(till, charge)
        checking = checking_page(
            session, charge, bill, language, can_cancel=can_cancel, refreshes=refreshes
        )
    seconds = REFRESH_SECONDS if refreshes else None
    return render(request, "checking.html", checking, refresh_seconds=seconds)


@router.get("/payments/{handle}/proof")
def proof(handle: str, till: Taking, documents: str = "") -> Response:
    """The receipt's proof as a file, for a stranger's verifier. Raises NotSealedYet, NotSignedYet.

    With `?documents=no` it does not show the reference, nor the payment's id, which is its address.
    """
    with till.database.transaction() as session:
        charge = find_charge(session, Handle.parse(handle))
        record = receipt_proof(
            session, charge.org_id, settled_by(charge), documents=documents != "no"
        )
        receipt = receipt_of(session, charge.org_id, charge.id)
    return json_file(record, f"receipt-{receipt.number if receipt else charge.id}")


@router.post("/payments/{handle}/cancellation")
def cancel(handle: str, request: Request, till: Taking) -> Response:
    """Give the attempt up at its provider; what became of it is on its page."""
    charge = cancel_checkout(till, Handle.parse(handle), by=PAYER, at=now())
    return redirect(request, f"/payments/{charge.handle}")


def checking_page(
    session: Session,
    charge: Charge,
    bill: Bill,
    language: Language,
    *,
    can_cancel: bool,
    refreshes: bool,
) -> CheckingPage:
    """The outcome is not known yet, and the page says so."""
    agency, service = _names(session, bill, language)
    return CheckingPage(
        url=f"/payments/{charge.handle}",
        bill_reference=bill.reference,
        agency=agency,
        service=service,
        amount=charge.amount,
        provider=charge.provider,
        step="provider",
        started_at=charge.created_at,
        checked_at=now(),
        provider_url=charge.checkout_url,
        can_cancel=can_cancel,
        refreshes=refreshes,
    )


def receipt_page(
    session: Session, charge: Charge, bill: Bill, receipt: Receipt, language: Language
) -> ReceiptPage:
    """The money has arrived; void once the payment was reversed."""
    agency, service = _names(session, bill, language)
    sealing = sealing_of(session, charge.org_id, settled_by(charge))
    state, reason = "valid", None
    if charge.state == ChargeState.REVERSED:
        state = "voided"
    elif charge.applied == Applied.CREDIT:
        state, reason = "credit", _credit_reason(charge, bill)
    return ReceiptPage(
        number=receipt.number,
        state=state,
        bill_reference=bill.reference,
        agency=agency,
        service=service,
        payer=masked(bill.payer_name),
        amount=receipt.amount,
        provider=charge.provider,
        paid_at=receipt.issued_at,
        timeline=tuple(_moment(event, charge) for event in events_of(session, charge)),
        voided_at=charge.closed_at if state == "voided" else None,
        credit_reason=reason,
        sealing=sealing,
        proof_url=f"/payments/{charge.handle}/proof" if sealing is Sealing.SIGNED else None,
    )


def not_paid_page(session: Session, charge: Charge, bill: Bill, language: Language) -> NotPaidPage:
    """This attempt is over; said only because its state is final."""
    agency, service = _names(session, bill, language)
    return NotPaidPage(
        outcome=charge.state,
        bill_reference=bill.reference,
        agency=agency,
        service=service,
        amount=charge.amount,
        provider=charge.provider,
        ended_at=charge.closed_at or charge.created_at,
        bill_open=bill.state_at(now()) is BillState.OPEN,
        code=charge.id.hex[-8:],
    )


def _names(session: Session, bill: Bill, language: Language) -> tuple[str, str]:
    service = session.get_one(Service, (bill.org_id, bill.service_code))
    agency = organisation(session, bill.org_id)
    return pick(agency.name, language), pick(service.name, language)


def _moment(event: Event, charge: Charge) -> Moment:
    settled = event.what == "settled"
    return Moment(event.what, event.at, charge.confirmed if settled else None)


def _credit_reason(charge: Charge, bill: Bill) -> str:
    if charge.confirmed != bill.amount:
        return "amount"
    return "paid" if bill.state == BillState.PAID else bill.state
