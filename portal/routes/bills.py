"""The citizen's first pages: find a bill, check it, go and pay."""

from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from foundation.errors import Refusal
from identity.parties import organisation
from ledger.money import Money
from payments.bills import (
    Bill,
    BillAlreadyPaid,
    BillCancelled,
    BillExpired,
    BillNotFound,
    BillState,
    find_bill,
    masked,
)
from payments.charges import BillBusy, Charge, ChargeState, current_charge
from payments.checkout import ProviderUnknown, Till, can_be_given_up, start_checkout
from payments.gateways.protocol import ProviderUnreachable
from payments.references import ReferenceMalformed
from payments.registry.services import Service, ServiceVersion
from portal.forms import Mistake, Mistakes, Posted, read_form
from portal.languages import Language, language_of, pick
from portal.pages.bills import Attempt, BillPage, MethodForm
from portal.pages.payments import ProviderUnreachablePage
from portal.pages.start import (
    REFERENCE_MISTYPED,
    REFERENCE_UNKNOWN,
    ReferenceForm,
    StartPage,
)
from portal.rendering import redirect, render
from portal.routes.given import Origins, Taking
from portal.routes.problems import new_code

router = APIRouter()


@router.get("/")
def start(request: Request, reference: str = "") -> Response:
    """One box for the payment reference; what was typed is kept through a change of language."""
    return render(request, "start.html", StartPage(reference[:60]))


@router.post("/bills")
def find(request: Request, data: Posted, till: Taking) -> Response:
    """From the box to the bill's own address."""
    form = read_form(ReferenceForm, data)
    if isinstance(form, Mistakes):
        return _start_again(request, form.typed.get("reference", ""), form.found, status=422)
    try:
        with till.database.transaction() as session:
            bill = find_bill(session, form.reference)
    except (ReferenceMalformed, BillNotFound) as refusal:
        mistyped = isinstance(refusal, ReferenceMalformed)
        mistake = Mistake("reference", REFERENCE_MISTYPED if mistyped else REFERENCE_UNKNOWN)
        typed = str(data.get("reference", ""))
        return _start_again(request, typed, (mistake,), status=refusal.status)
    return redirect(request, f"/bills/{bill.reference}")


@router.get("/bills/{reference}")
def check(reference: str, request: Request, till: Taking, origins: Origins) -> Response:
    """Check your bill and choose how to pay."""
    return _show(reference, request, till, origins)


@router.post("/bills/{reference}/payments")
def pay(reference: str, request: Request, data: Posted, till: Taking, origins: Origins) -> Response:
    """To the provider's page; a repeated form leads to the same one."""
    form = read_form(MethodForm, data)
    if isinstance(form, Mistakes):
        return _show(reference, request, till, origins, form.found, status=422)
    try:
        _, url = start_checkout(
            till, reference, provider=form.provider, language=language_of(request), at=now()
        )
    except ProviderUnknown as refusal:
        mistake = Mistake.of(refusal, "provider")
        return _show(reference, request, till, origins, (mistake,), status=422)
    except (BillBusy, BillAlreadyPaid, BillExpired, BillCancelled) as refusal:
        return _show(reference, request, till, origins, status=refusal.status)
    except ProviderUnreachable as refusal:
        return _unreachable(reference, request, till, form.provider, refusal)
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


def _start_again(
    request: Request, typed: str, mistakes: tuple[Mistake, ...], *, status: int
) -> Response:
    here = f"/?{urlencode({'reference': typed[:60]})}"
    return render(request, "start.html", StartPage(typed, mistakes), status=status, here=here)


def _show(
    reference: str,
    request: Request,
    till: Till,
    origins: tuple[str, ...],
    mistakes: tuple[Mistake, ...] = (),
    *,
    status: int = 200,
) -> Response:
    language, at = language_of(request), now()
    with till.database.transaction() as session:
        bill = find_bill(session, reference)
        page = bill_page(session, till, bill, language, at=at, mistakes=mistakes)
    here = f"/bills/{bill.reference}"
    return render(request, "bill.html", page, status=status, here=here, submits_to=origins)


def _unreachable(
    reference: str, request: Request, till: Till, provider: str, refusal: Refusal
) -> Response:
    with till.database.transaction() as session:
        bill = find_bill(session, reference)
    page = ProviderUnreachablePage(
        bill.reference, bill.amount, provider, new_code(request, refusal)
    )
    here = f"/bills/{bill.reference}"
    return render(request, "provider_unreachable.html", page, status=refusal.status, here=here)


def bill_page(
    session: Session,
    till: Till,
    bill: Bill,
    language: Language,
    *,
    at: datetime,
    mistakes: tuple[Mistake, ...] = (),
) -> BillPage:
    """The bill as its payer sees it, with no more of anybody's name than its first letters."""
    service = session.get_one(Service, (bill.org_id, bill.service_code))
    version_key = (bill.org_id, bill.service_code, bill.service_version)
    version = session.get_one(ServiceVersion, version_key)
    state, current = bill.state_at(at), current_charge(session, bill)
    busy = state is BillState.OPEN and current is not None and current.state == ChargeState.PENDING
    return BillPage(
        reference=bill.reference,
        state="busy" if busy else state.value,
        agency=pick(organisation(session, bill.org_id).name, language),
        service=pick(service.name, language),
        payer=masked(bill.payer_name),
        law=pick(version.legal_basis, language),
        amount=bill.amount,
        fee=Money(0, bill.currency),
        due=bill.due_on,
        settled_on=business_date(bill.paid_at or bill.expires_at),
        providers=tuple(till.gateways),
        chosen=current.provider if current else "",
        attempt=_attempt(till, current) if busy and current else None,
        mistakes=mistakes,
    )


def _attempt(till: Till, charge: Charge) -> Attempt:
    return Attempt(
        url=f"/payments/{charge.handle}",
        provider=charge.provider,
        started_at=charge.created_at,
        can_cancel=can_be_given_up(till, charge),
    )
