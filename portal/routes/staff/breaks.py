"""Differences: the list, one of them, and how a person resolves it."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from foundation.clock import now
from foundation.history import events_of
from ledger.money import Money
from payments.breaks import (
    Break,
    BreakKind,
    BreakNotFound,
    BreakState,
    ExplanationMissing,
    breaks_in,
    count_open,
    find_break,
    resolve_break,
)
from payments.charges import Handle
from payments.checkout import Till
from portal.forms import Mistake, Mistakes, Posted, read_form
from portal.pages.staff.breaks import (
    BreakPage,
    BreakRow,
    BreaksPage,
    Fact,
    Note,
    ResolutionForm,
)
from portal.rendering import redirect, render
from portal.routes.given import BreakResolver, SignedIn, Taking

router = APIRouter()


@router.get("/staff/breaks")
def list_breaks(
    request: Request, by: BreakResolver, till: Taking, type: str = "", state: str = "open"
) -> Response:
    """Open differences, the oldest first; resolved ones on request."""
    at = now()
    chosen = BreakState.RESOLVED if state == BreakState.RESOLVED else BreakState.OPEN
    with till.database.transaction() as session:
        found = breaks_in(session, chosen)
        total = sum(count_open(session).values())
    rows = tuple(_row(one, at) for one in found if type in {"", one.kind})
    page = BreaksPage(
        by.staff(), rows, total, tuple(kind.value for kind in BreakKind), type, chosen.value
    )
    return render(request, "staff/breaks.html", page)


@router.get("/staff/breaks/{key}")
def show(key: str, request: Request, by: BreakResolver, till: Taking) -> Response:
    """One difference, its facts and its story."""
    return _show(key, request, by, till)


@router.post("/staff/breaks/{key}/resolution")
def resolve(key: str, request: Request, by: BreakResolver, data: Posted, till: Taking) -> Response:
    """Write down how it was resolved; the words stay in its history."""
    form = read_form(ResolutionForm, data)
    if isinstance(form, Mistakes):
        typed = form.typed.get("resolution", "")
        return _show(key, request, by, till, form.found, typed=typed, status=422)
    org_id, break_id = _parse(key)
    try:
        with till.database.transaction() as session:
            resolve_break(
                session, org_id, break_id, resolution=form.resolution, by=by.actor, at=now()
            )
    except ExplanationMissing as refusal:
        mistakes = (Mistake.of(refusal, "resolution"),)
        return _show(key, request, by, till, mistakes, typed=form.resolution, status=422)
    return redirect(request, f"/staff/breaks/{key}")


def _show(
    key: str,
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: tuple[Mistake, ...] = (),
    *,
    typed: str = "",
    status: int = 200,
) -> Response:
    org_id, break_id = _parse(key)
    with till.database.transaction() as session:
        found = find_break(session, org_id, break_id)
        story = events_of(session, found)
    notes = [Note("opened", "system", found.opened_at)]
    notes += [
        Note(event.what, event.by.partition(":")[2], event.at, event.facts.get("resolution", ""))
        for event in story
    ]
    page = BreakPage(
        staff=by.staff(),
        url=f"/staff/breaks/{key}",
        type=found.kind,
        state=found.state,
        opened_at=found.opened_at,
        facts=_facts(found),
        notes=tuple(notes),
        can_resolve=found.state == BreakState.OPEN,
        resolution=typed,
        mistakes=mistakes,
    )
    here = f"/staff/breaks/{key}"
    return render(request, "staff/break.html", page, status=status, here=here)


def _facts(found: Break) -> tuple[Fact, ...]:
    url = None
    if found.subject == "charge":
        url = f"/staff/payments/{Handle(found.org_id, UUID(found.subject_id))}"
    facts: list[Fact] = [Fact("amount", found.amount), Fact(found.subject, found.subject_id, url)]
    for name, value in found.facts.items():
        if value != "":
            shown: str | Money = str(value)
            if name == "items":
                shown = Money(int(value), found.currency)
            facts.append(Fact(name, shown))
    return tuple(facts)


def _row(found: Break, at: datetime) -> BreakRow:
    return BreakRow(
        url=f"/staff/breaks/{found.org_id}-{found.id}",
        type=found.kind,
        state=found.state,
        subject=str(found.facts.get("reference") or found.facts.get("purpose") or found.subject_id),
        amount=found.amount,
        opened_at=found.opened_at,
        age_days=(at - found.opened_at).days,
    )


def _parse(key: str) -> tuple[int, UUID]:
    org, _, id = key.partition("-")  # noqa: A001
    try:
        return int(org), UUID(id)
    except ValueError:
        raise BreakNotFound(key=key[:60]) from None
