"""The proofs for those who read the books; and opening a book that is shut, by two who keep them."""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import now
from identity.parties import operator, organisations
from identity.roles import Permission
from ledger.accounts import ReasonMissing
from ledger.books import in_words
from ledger.proof_results import (
    ProofCheck,
    ProofNotFound,
    ProofRow,
    checks_of,
    find_proof,
    last_of_each_book,
    recent_proofs,
)
from ledger.shutting import (
    Shutting,
    approve_opening,
    books_shut,
    request_opening,
    shutting_of,
)
from payments.checkout import Till
from payments.reconciliation.proving import prove_books
from portal.forms import Mistake, Mistakes, Posted, read_form
from portal.languages import Language, language_of, pick
from portal.pages.staff import proof as view
from portal.rendering import redirect, render
from portal.routes.given import BookKeeper, BookReader, SignedIn, Taking

router = APIRouter()

SHOWN = 30
HERE = "/staff/proof"


@router.get("/staff/proof")
def overview(request: Request, by: BookReader, till: Taking) -> Response:
    """The last proof, those before it, and the books that are shut."""
    return _show(None, request, by, till)


@router.get("/staff/proof/{proof}")
def earlier(proof: str, request: Request, by: BookReader, till: Taking) -> Response:
    """One of the proofs before it, in the same way."""
    try:
        return _show(UUID(proof), request, by, till)
    except ValueError:
        raise ProofNotFound(proof=proof[:40]) from None


@router.post("/staff/proof/runs")
def prove_now(request: Request, by: BookKeeper, till: Taking) -> Response:
    """Prove all books now: after a fault was mended, before its book is opened."""
    prove_books(till.database, by=by.actor, at=now())
    return redirect(request, HERE)


@router.get("/staff/proof/books/{org_id}")
def shut_book(org_id: int, request: Request, by: BookReader, till: Taking) -> Response:
    """Why a book is shut, and what is needed to open it."""
    return _show_book(org_id, request, by, till)


@router.post("/staff/proof/books/{org_id}/opening")
def ask_to_open(
    org_id: int, request: Request, by: BookKeeper, data: Posted, till: Taking
) -> Response:
    """Write down who asks to open it, and why."""
    form = read_form(view.OpeningForm, data)
    if isinstance(form, Mistakes):
        typed = form.typed.get("reason", "")
        return _show_book(org_id, request, by, till, form.found, typed=typed, status=422)
    try:
        with till.database.transaction() as session:
            request_opening(session, org_id, reason=form.reason, by=by.actor, at=now())
    except ReasonMissing as refusal:
        mistakes = (Mistake.of(refusal, "reason"),)
        return _show_book(org_id, request, by, till, mistakes, typed=form.reason, status=422)
    return redirect(request, f"{HERE}/books/{org_id}")


@router.post("/staff/proof/books/{org_id}/approval")
def approve(org_id: int, request: Request, by: BookKeeper, till: Taking) -> Response:
    """Open it, as another person has asked."""
    with till.database.transaction() as session:
        approve_opening(session, org_id, by=by.actor, at=now())
    return redirect(request, HERE)


def _show(proof: UUID | None, request: Request, by: SignedIn, till: Till) -> Response:
    with till.database.transaction() as session:
        keeper = operator(session).org_id
        last = recent_proofs(session, keeper, limit=SHOWN)
        shown = find_proof(session, keeper, proof) if proof else next(iter(last), None)
        names = _names(session, language_of(request))
        page = view.ProofPage(
            staff=by.staff(),
            shown=_row(shown) if shown else None,
            lsn=shown.lsn if shown else "",
            rules=tuple(_rule(check, names) for check in checks_of(session, shown))
            if shown
            else (),
            shut=tuple(_shut_row(one, names) for one in books_shut(session)),
            last=tuple(_row(one) for one in last),
            keeps_books=by.actor.may(Permission.KEEP_BOOKS),
        )
    return render(request, "staff/proof.html", page)


def _show_book(
    org_id: int,
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: tuple[Mistake, ...] = (),
    *,
    typed: str = "",
    status: int = 200,
) -> Response:
    with till.database.transaction() as session:
        found = shutting_of(session, org_id)
        said = {book.org_id: book for book in last_of_each_book(session)}.get(org_id)
        page = view.ShutBookPage(
            staff=by.staff(),
            book=_name(org_id, _names(session, language_of(request))),
            url=f"{HERE}/books/{org_id}",
            shut_at=found.shut_at,
            shut_by=_person(found.shut_by),
            why=found.why,
            agrees=said is not None and said.proved_at > found.shut_at and not said.broken,
            keeps_books=by.actor.may(Permission.KEEP_BOOKS),
            asked_by=_person(found.requested_by or ""),
            asked_at=found.requested_at,
            asked_reason=found.reason or "",
            own=found.requested_by == str(by.actor),
            reason=typed,
            mistakes=mistakes,
        )
    here = f"{HERE}/books/{org_id}"
    return render(request, "staff/proof_book.html", page, status=status, here=here)


def _row(proof: ProofRow) -> view.ProofRow:
    return view.ProofRow(
        url=f"{HERE}/{proof.id}",
        at=proof.started_at,
        by=_person(proof.by),
        rules=proof.rules,
        broken=proof.broken,
        examined=proof.examined,
        milliseconds=proof.milliseconds,
        shut=len(proof.shut),
    )


def _rule(check: ProofCheck, names: dict[int, str]) -> view.RuleRow:
    return view.RuleRow(
        name=check.name,
        examined=check.examined,
        milliseconds=check.milliseconds,
        holds=check.difference is None,
        books=tuple(_name(book, names) for book in check.books),
        difference=in_words(check.difference or {}),
    )


def _shut_row(shutting: Shutting, names: dict[int, str]) -> view.ShutRow:
    return view.ShutRow(
        url=f"{HERE}/books/{shutting.org_id}",
        book=_name(shutting.org_id, names),
        shut_at=shutting.shut_at,
        why=shutting.why,
        asked=shutting.requested_by is not None,
    )


def _names(session: Session, language: Language) -> dict[int, str]:
    return {one.org_id: pick(one.name, language) for one in organisations(session)}


def _name(org_id: int, names: dict[int, str]) -> str:
    return names.get(org_id, str(org_id))


def _person(actor: str) -> str:
    return actor.partition(":")[2]
