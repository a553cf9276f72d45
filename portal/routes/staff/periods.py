"""The periods of a book: who closed what; closing, asking to reopen, approving; sealed trial balances."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from foundation.history import events_of
from identity.parties import organisation, organisations
from identity.roles import Permission
from ledger.accounts import ReasonMissing
from ledger.chart import CLEARING
from ledger.money import Money
from ledger.periods import moves, records
from ledger.periods.records import LIFECYCLE, Period, PeriodClosing, PeriodState, SealedLine
from ledger.reports.trial_balance import Figures
from payments.checkout import Till
from portal.forms import Mistake, Mistakes, Posted, read_form
from portal.languages import language_of, pick
from portal.pages.staff import periods as view
from portal.rendering import HEADERS, redirect, render
from portal.routes.given import (
    BookKeeper,
    BookReader,
    PeriodKeeper,
    SignedIn,
    Taking,
    allowed,
)
from portal.routes.staff.payments import account_link

router = APIRouter()

# The moves that one person makes, the address of each, and what it needs.
ALONE = {
    "close_softly": ("soft-closing", Permission.KEEP_PERIODS),
    "open_again": ("opening", Permission.KEEP_PERIODS),
    "close": ("closing", Permission.KEEP_BOOKS),
}
Number = Annotated[int, Path(ge=1, le=32767)]


@router.get("/staff/books/{org_id}/periods")
def list_periods(org_id: int, request: Request, by: BookReader, till: Taking) -> Response:
    """Every period of a book, and what waits to be done."""
    return _show(org_id, request, by, till)


@router.post("/staff/books/{org_id}/periods/{last_day}/soft-closing")
def close_softly(
    org_id: int, last_day: date, request: Request, by: PeriodKeeper, till: Taking
) -> Response:
    """From now on only adjustments are posted to its days."""
    return _move(moves.close_period_softly, org_id, last_day, request, by, till)


@router.post("/staff/books/{org_id}/periods/{last_day}/opening")
def open_again(
    org_id: int, last_day: date, request: Request, by: PeriodKeeper, till: Taking
) -> Response:
    """Take a soft closing back."""
    return _move(moves.open_period_again, org_id, last_day, request, by, till)


@router.post("/staff/books/{org_id}/periods/{last_day}/closing")
def close(org_id: int, last_day: date, request: Request, by: BookKeeper, till: Taking) -> Response:
    """Seal its trial balance; nothing is posted to its days any more."""
    return _move(moves.close_period, org_id, last_day, request, by, till)


@router.post("/staff/books/{org_id}/periods/{last_day}/reopening")
def ask_to_reopen(
    org_id: int, last_day: date, request: Request, by: PeriodKeeper, data: Posted, till: Taking
) -> Response:
    """Write down who asks, and why; another person decides."""
    form = read_form(view.ReopeningForm, data)
    if isinstance(form, Mistakes):
        typed = form.typed.get("reason", "")
        return _show(org_id, request, by, till, form.found, typed=typed, status=422)
    try:
        with till.database.transaction() as session:
            moves.request_reopening(
                session, org_id, last_day, reason=form.reason, by=by.actor, at=now()
            )
    except ReasonMissing as refusal:
        mistakes = (Mistake.of(refusal, "reason"),)
        return _show(org_id, request, by, till, mistakes, typed=form.reason, status=422)
    return redirect(request, _here(org_id))


@router.post("/staff/books/{org_id}/periods/{last_day}/reopening/approval")
def approve(
    org_id: int, last_day: date, request: Request, by: BookKeeper, till: Taking
) -> Response:
    """Reopen it for adjustments, as another person has asked."""
    return _move(moves.approve_reopening, org_id, last_day, request, by, till)


@router.get("/staff/books/{org_id}/periods/{last_day}/closings/{number}")
def sealed(
    org_id: int, last_day: date, number: Number, request: Request, by: BookReader, till: Taking
) -> Response:
    """The trial balance that a closing sealed, whatever happened since."""
    with till.database.transaction() as session:
        closing = records.find_closing(session, org_id, last_day, number)
        lines = records.sealed_lines(session, closing)
        asked = records.reopenings_of(session, org_id, last_day)
        reopened = next((one for one in asked if one.closing == number and one.approved_by), None)
        page = view.SealedPage(
            staff=by.staff(),
            book=pick(organisation(session, org_id).name, language_of(request)),
            back_url=_here(org_id),
            text_url=f"{_closing_row(closing).url}/text",
            first_day=records.find_period(session, org_id, last_day).first_day,
            last_day=last_day,
            closing=_closing_row(closing),
            open=view.StillOpen(
                _held(records.held_at_closing(session, closing)),
                tuple((account_link(one.account), one.closing) for one in lines if _unclear(one)),
            ),
            sections=_sections(lines),
            reopened_by=_person(reopened.approved_by or "") if reopened else "",
            reopened_why=reopened.reason if reopened else "",
        )
    return render(request, "staff/period_closing.html", page)


@router.get(
    "/staff/books/{org_id}/periods/{last_day}/closings/{number}/text",
    dependencies=[Depends(allowed(Permission.READ_LEDGER))],
)
def sealed_text(org_id: int, last_day: date, number: Number, till: Taking) -> PlainTextResponse:
    """What was hashed, byte for byte: `sha256sum` of the file is the hash of the closing."""
    with till.database.transaction() as session:
        closing = records.find_closing(session, org_id, last_day, number)
        text = records.sealed_text(session, closing)
    name = f"trial-balance-{org_id}-{last_day}-{number}.txt"
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return PlainTextResponse(text, headers=headers)


def _move(
    move: Callable[..., object],
    org_id: int,
    last_day: date,
    request: Request,
    by: SignedIn,
    till: Till,
) -> Response:
    with till.database.transaction() as session:
        move(session, org_id, last_day, by=by.actor, at=now())
    return redirect(request, _here(org_id))


def _show(
    org_id: int,
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: tuple[Mistake, ...] = (),
    *,
    typed: str = "",
    status: int = 200,
) -> Response:
    language = language_of(request)
    with till.database.transaction() as session:
        book = organisation(session, org_id)
        periods = records.periods_of(session, org_id)
        closings = records.closings_of(session, org_id)
        page = view.PeriodsPage(
            staff=by.staff(),
            book=pick(book.name, language),
            trial_balance_url=f"/staff/books/{org_id}/trial-balance",
            periods=tuple(_row(period, periods, closings, by) for period in periods),
            next=_next(session, periods, at=now()),
            reopening=_reopening(session, periods, by, typed),
            others=tuple(
                (pick(other.name, language), _here(other.org_id))
                for other in organisations(session)
                if other.org_id != org_id
            ),
            mistakes=mistakes,
        )
    return render(request, "staff/periods.html", page, status=status, here=_here(org_id))


def _row(
    period: Period, periods: Sequence[Period], closings: Sequence[PeriodClosing], by: SignedIn
) -> view.PeriodRow:
    return view.PeriodRow(
        first_day=period.first_day,
        last_day=period.last_day,
        state=period.state,
        closings=tuple(_closing_row(one) for one in closings if one.last_day == period.last_day),
        moves=tuple(
            (event, f"{_here(period.org_id)}/{period.last_day}/{address}")
            for event, (address, needed) in ALONE.items()
            if by.actor.may(needed) and _possible(event, period, periods, business_date(now()))
        ),
    )


def _possible(event: str, period: Period, periods: Sequence[Period], today: date) -> bool:
    """Whether a button makes sense; the ledger decides again, under its locks."""
    state = PeriodState(period.state)
    if not LIFECYCLE.allows(event, state) or period.last_day >= today:
        return False
    if event == "open_again":  # only the latest one that is not open
        return all(one.state == state.OPEN for one in periods if one.last_day > period.last_day)
    target = LIFECYCLE.after(event, state)
    before = [one.state for one in periods if one.last_day < period.last_day]
    return all(one in {target, PeriodState.CLOSED} for one in before)


def _next(session: Session, periods: Sequence[Period], *, at: datetime) -> view.NextPeriod | None:
    over = [one for one in periods if one.last_day < business_date(at)]
    waiting = [one for one in over if one.state != PeriodState.CLOSED]
    if not waiting:
        return None
    period = waiting[-1]
    softly = [one for one in events_of(session, period) if one.what == "closed_softly"]
    is_soft = period.state == PeriodState.SOFT and softly
    clearing = moves.uncleared(session, period)
    return view.NextPeriod(
        first_day=period.first_day,
        last_day=period.last_day,
        state=period.state,
        open=view.StillOpen(
            _held(records.held_now(session, period.org_id, at=at)),
            tuple((account_link(line.account), line.balance) for line in clearing),
        ),
        softly_by=_person(softly[-1].by) if is_soft else "",
        softly_at=softly[-1].at if is_soft else None,
    )


def _reopening(
    session: Session, periods: Sequence[Period], by: SignedIn, typed: str
) -> view.Reopening | None:
    """The latest closed period, for who may ask or approve."""
    closed = [one for one in periods if one.state == PeriodState.CLOSED]
    if not closed:
        return None
    period = closed[0]
    asked = [
        one
        for one in records.reopenings_of(session, period.org_id, period.last_day)
        if one.approved_by is None
    ]
    request = asked[0] if asked else None
    own = request is not None and request.requested_by == str(by.actor)
    return view.Reopening(
        url=f"{_here(period.org_id)}/{period.last_day}/reopening",
        first_day=period.first_day,
        last_day=period.last_day,
        asked_by=_person(request.requested_by) if request else "",
        asked_at=request.requested_at if request else None,
        why=request.reason if request else "",
        own=own,
        may_ask=request is None and by.actor.may(Permission.KEEP_PERIODS),
        may_approve=request is not None and not own and by.actor.may(Permission.KEEP_BOOKS),
        typed=typed,
    )


def _sections(lines: Iterable[SealedLine]) -> tuple[view.SealedSection, ...]:
    sections = []
    for currency, of_currency in groupby(lines, lambda one: one.closing.currency):
        rows = tuple((account_link(line.account), _figures(line)) for line in of_currency)
        shown = tuple(row for row in rows if any(money.minor for money in row[1].columns))
        total = Figures.added((figures for _, figures in rows), currency)
        sections.append(view.SealedSection(currency, shown, total))
    return tuple(sections)


def _figures(line: SealedLine) -> Figures:
    """A balance on the wrong side of an account stands where it is, as accountants show it."""
    currency, nothing = line.closing.currency, Money(0, line.closing.currency)

    def both(balance: Money) -> tuple[Money, Money]:
        net = balance.minor * line.account.normal_side
        return (Money(net, currency), nothing) if net > 0 else (nothing, Money(-net, currency))

    return Figures(*both(line.opening), line.debits, line.credits, *both(line.closing))


def _unclear(line: SealedLine) -> bool:
    return line.closing.minor != 0 and line.account.number in {one.number for one in CLEARING}


def _held(found: Iterable[records.Held]) -> tuple[view.Held, ...]:
    return tuple(view.Held(one.count, one.rest) for one in found)


def _closing_row(closing: PeriodClosing) -> view.ClosingRow:
    return view.ClosingRow(
        url=f"{_here(closing.org_id)}/{closing.last_day}/closings/{closing.closing}",
        number=closing.closing,
        at=closing.closed_at,
        by=_person(closing.closed_by),
        sha256=closing.trial_balance_hash.hex(),
    )


def _here(org_id: int) -> str:
    return f"/staff/books/{org_id}/periods"


def _person(actor: str) -> str:
    return actor.partition(":")[2]
