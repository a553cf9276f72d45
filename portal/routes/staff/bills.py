"""Bills for the agencies' clerks: find one, issue one."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from foundation.errors import Refusal
from foundation.ids import new_id
from identity.roles import Permission
from ledger.money import Money
from payments.bills import LIFECYCLE, Bill, BillState, bills_of, cancel_bill, issue_bill
from payments.charges import charges_of
from payments.checkout import Till
from payments.references import compact
from payments.registry.services import Service, services_of, version_on
from portal.forms import Mistake, Mistakes, Posted, read_form, typed_in
from portal.languages import Language, language_of, msg, pick
from portal.pages.staff.bills import (
    BillRow,
    BillsPage,
    NewBillForm,
    NewBillPage,
    ServiceOption,
)
from portal.rendering import redirect, render
from portal.routes.given import BillIssuer, BillReader, SignedIn, Taking

router = APIRouter()

SERVICE_UNKNOWN = msg("Choose a service")


@router.get("/staff/bills")
def list_bills(
    request: Request,
    by: BillReader,
    till: Taking,
    query: str = "",
    state: str = "",
    issued: str = "",
) -> Response:
    """The newest bills one may see, by reference or payer."""
    language, at = language_of(request), now()
    with till.database.transaction() as session:
        found = [
            bill
            for bill in bills_of(session, _seen_by(by), limit=1000)
            if _fits(bill, query) and state in {"", bill.state_at(at).value}
        ]
        rows = tuple(_row(session, bill, by, language) for bill in found[:100])
    page = BillsPage(
        staff=by.staff(),
        rows=rows,
        query=query,
        state=state,
        can_issue=by.actor.may(Permission.ISSUE_BILL),
        issued=issued or None,
    )
    return render(request, "staff/bills.html", page)


@router.get("/staff/bills/new")
def ask(request: Request, by: BillIssuer, till: Taking) -> Response:
    """The form of a new bill."""
    return _form(request, by, till)


@router.post("/staff/bills")
def issue(request: Request, by: BillIssuer, data: Posted, till: Taking) -> Response:
    """Issue a bill for a service of the clerk's own agency."""
    form = read_form(NewBillForm, data)
    if isinstance(form, Mistakes):
        return _form(request, by, till, form, status=422)
    org, _, code = form.service.partition("-")
    if not (org.isascii() and org.isdigit() and code):
        mistakes = Mistakes((Mistake("service", SERVICE_UNKNOWN),), typed_in(data))
        return _form(request, by, till, mistakes, status=422)
    amount = None if form.amount is None else Money.of(form.amount, "UZS")
    try:
        with till.database.transaction() as session:
            bill = issue_bill(
                session,
                int(org),
                id=new_id(),
                service_code=code,
                payer_name=form.payer_name,
                by=by.actor,
                at=now(),
                amount=amount,
            )
    except Refusal as refusal:
        field = str(refusal.facts.get("field", "service"))
        mistakes = Mistakes((Mistake.of(refusal, field),), typed_in(data))
        return _form(request, by, till, mistakes, status=refusal.status)
    return redirect(request, f"/staff/bills?issued={bill.reference}")


@router.post("/staff/bills/{reference}/cancellation")
def cancel(reference: str, request: Request, by: BillIssuer, till: Taking) -> Response:
    """Nothing is owed any more; money that is on its way becomes the payer's credit."""
    with till.database.transaction() as session:
        cancel_bill(session, reference, by=by.actor, at=now())
    return redirect(request, "/staff/bills")


def _form(
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: Mistakes | None = None,
    *,
    status: int = 200,
) -> Response:
    language, today = language_of(request), business_date(now())
    options = []
    with till.database.transaction() as session:
        for org_id in sorted(by.actor.organisations(Permission.ISSUE_BILL)):
            for service in services_of(session, org_id):
                fee = version_on(session, org_id, service.code, today).fee
                code = f"{org_id}-{service.code}"
                options.append(ServiceOption(code, pick(service.name, language), fee))
    page = NewBillPage(
        by.staff(),
        tuple(options),
        mistakes.typed if mistakes else {},
        mistakes.found if mistakes else (),
    )
    return render(request, "staff/bill_new.html", page, status=status, here="/staff/bills/new")


def _seen_by(by: SignedIn) -> frozenset[int] | None:
    if by.actor.may(Permission.READ_ALL_BILLS):
        return None
    return by.actor.organisations(Permission.READ_BILLS)


def _fits(bill: Bill, query: str) -> bool:
    wanted = query.strip().casefold()
    return not wanted or compact(wanted) in bill.reference or wanted in bill.payer_name.casefold()


def _row(session: Session, bill: Bill, by: SignedIn, language: Language) -> BillRow:
    service = session.get_one(Service, (bill.org_id, bill.service_code))
    charges = charges_of(session, bill)
    url = f"/staff/payments/{charges[0].handle}" if charges else f"/bills/{bill.reference}"
    return BillRow(
        reference=bill.reference,
        url=url,
        payer=bill.payer_name,
        service=pick(service.name, language),
        amount=bill.amount,
        state=bill.state_at(now()).value,
        due=bill.due_on,
        can_cancel=LIFECYCLE.allows("cancel", BillState(bill.state))
        and by.actor.may(Permission.ISSUE_BILL, bill.org_id),
    )
