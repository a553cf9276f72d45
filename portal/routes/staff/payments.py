"""One payment as staff see it: citizen, provider, books and bank on one page."""

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.clock import business_date
from foundation.history import Event, events_of
from identity.parties import organisation
from identity.roles import Permission
from ledger.accounts import Account as LedgerAccount
from ledger.balances import journal_lines
from ledger.journals import journal_key
from ledger.transfers import JournalRow
from payments.bills import Bill
from payments.charges import (
    Charge,
    ChargeNotFound,
    ChargeState,
    Handle,
    find_charge,
)
from payments.entries import BANK_TRANSFER
from payments.receipts import receipt_of
from payments.reconciliation.records import Statement, StatementLine
from payments.reconciliation.settlements import PayoutItem
from payments.registry.services import Service
from portal.languages import Language, language_of, pick
from portal.pages.staff.frame import Account
from portal.pages.staff.payments import BankLine, PaymentPage, TraceEvent, TransferLine
from portal.rendering import render
from portal.routes.given import BillReader, SignedIn, Taking

router = APIRouter()

WHERE = {"payer": "citizen", "provider": "provider", "staff": "staff", "system": "provider"}


@router.get("/staff/payments/{handle}")
def show(handle: str, request: Request, by: BillReader, till: Taking) -> Response:
    """The whole way of one payment."""
    with till.database.transaction() as session:
        charge = find_charge(session, Handle.parse(handle))
        everything = by.actor.may(Permission.READ_ALL_BILLS)
        if not everything and not by.actor.may(Permission.READ_BILLS, charge.org_id):
            raise ChargeNotFound(payment=handle[:60])  # another agency's: as if it were not there
        page = payment_page(session, charge, by, language_of(request))
    return render(request, "staff/payment.html", page)


def payment_page(session: Session, charge: Charge, by: SignedIn, language: Language) -> PaymentPage:
    """Everything known of a charge."""
    bill = session.get_one(Bill, (charge.org_id, charge.bill_id))
    service = session.get_one(Service, (bill.org_id, bill.service_code))
    receipt = receipt_of(session, charge.org_id, charge.id)
    credited = charge.state == ChargeState.SETTLED and charge.applied == "credit"
    return PaymentPage(
        staff=by.staff(),
        id=str(charge.handle),
        state="credited" if credited else charge.state,
        bill_reference=bill.reference,
        bill_url=f"/bills/{bill.reference}",
        agency=pick(organisation(session, bill.org_id).name, language),
        service=pick(service.name, language),
        payer=bill.payer_name,
        amount=charge.confirmed,
        provider=charge.provider,
        provider_id=charge.provider_ref or "",
        receipt_number=receipt.number if receipt else None,
        events=tuple(step for event in events_of(session, charge) for step in _trace(event)),
        transfers=_transfers(session, charge),
        bank_line=_bank_line(session, charge),
    )


def account_link(account: LedgerAccount) -> Account:
    """An account with the address of its page."""
    url = f"/staff/books/{account.org_id}/accounts/{account.id}"
    return Account(account.number, account.name, url)


def _trace(event: Event) -> Iterator[TraceEvent]:
    where = WHERE.get(event.by.partition(":")[0], "staff")
    detail = str(event.facts.get("provider_ref") or event.facts.get("reason") or "")
    yield TraceEvent(event.at, where, event.what, detail)
    if event.what == "settled":
        credited = event.facts.get("applied") == "credit"
        yield TraceEvent(event.at, "ledger", "credited" if credited else "posted")
        yield TraceEvent(event.at, "citizen", "receipt", str(event.facts.get("receipt", "")))


def _transfers(session: Session, charge: Charge) -> tuple[TransferLine, ...]:
    lines: list[TransferLine] = []
    for step in ("settled", "reversed"):
        key = journal_key("charge", f"{charge.id}:{step}")
        row = session.get(JournalRow, (charge.org_id, key))
        if row is None or row.first_id is None:
            continue
        lines += [
            TransferLine(
                move.kind.name.lower(),
                account_link(move.debit),
                account_link(move.credit),
                move.amount,
            )
            for move in journal_lines(session, charge.org_id, row.first_id, row.transfers)
        ]
    return tuple(lines)


def _bank_line(session: Session, charge: Charge) -> BankLine | None:
    """The bank's line that carried the money: its own, or its provider's payout."""
    matched = StatementLine.matched_to
    if charge.provider == BANK_TRANSFER:
        query = select(StatementLine).where(matched["charge"].astext == str(charge.handle))
    else:
        query = select(StatementLine).join(
            PayoutItem,
            (PayoutItem.org_id == StatementLine.org_id)
            & (PayoutItem.provider == matched["provider"].astext)
            & (PayoutItem.payout_id == matched["payout"].astext),
        )
        query = query.where(
            PayoutItem.agency_org_id == charge.org_id, PayoutItem.charge_id == charge.id
        )
    line = session.scalars(query.limit(1)).one_or_none()
    if line is None:
        return None
    statement = session.get_one(Statement, (line.org_id, line.statement_id))
    booked = line.booking_date or business_date(charge.created_at)
    url = f"/staff/statements/{statement.file_sha256}"
    return BankLine(url, line.account, booked, line.amount)
