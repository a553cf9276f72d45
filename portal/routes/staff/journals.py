"""One journal of a book: its lines, what is kept beside it; and taking it back."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from foundation.clock import business_date, now
from foundation.errors import Refusal, Refused
from foundation.ids import new_id
from identity.parties import organisation
from identity.roles import Permission
from ledger.accounts import ReasonMissing, find_account
from ledger.chart import JournalKind
from ledger.currencies import CODES
from ledger.money import AmountMalformed, Money
from ledger.posting import NotPosted
from ledger.reports.reading import snapshot
from ledger.reversals import (
    JournalNotFound,
    Original,
    ReversalExceeds,
    SeveralCurrencies,
    originals_of,
    reverse_journal,
)
from ledger.transfers import JournalDoc, TransferRow
from payments.checkout import Till
from payments.entries import KINDS as OF_PAYMENTS
from portal.forms import Mistake, Mistakes, Posted, read_form, typed_in
from portal.languages import Language, language_of, msg, pick
from portal.pages.staff.journals import JournalLineRow, JournalPage, ReversalForm
from portal.rendering import redirect, render
from portal.routes.given import BookKeeper, BookReader, SignedIn, Taking
from portal.routes.staff.payments import account_link
from portal.words import WORDS

router = APIRouter()

# What the writer's refusals mean to whoever takes an entry back.
REFUSED = {
    "INSUFFICIENT": msg("What this entry brought has been spent or held since."),
    "ABOVE_LIMIT": msg("An account of this entry would pass its limit."),
    "ACCOUNT_NOT_OPEN": msg("An account of this entry is not open."),
}


class NotByHand(Refused):
    """This entry follows a payment or the bank's statement, and is put right there."""


@router.get("/staff/books/{org_id}/journals/{journal}")
def show(org_id: int, journal: UUID, request: Request, by: BookReader, till: Taking) -> Response:
    """The lines of a journal, and what is left of them."""
    return _show(org_id, journal, request, by, till)


@router.post("/staff/books/{org_id}/journals/{journal}/reversals")
def take_back(
    org_id: int, journal: UUID, request: Request, by: BookKeeper, data: Posted, till: Taking
) -> Response:
    """Take a journal back, whole or in part, by a journal of its own."""
    form = read_form(ReversalForm, data)
    if isinstance(form, Mistakes):
        return _show(org_id, journal, request, by, till, form)
    try:
        with till.database.transaction() as session:
            originals = _found(session, org_id, journal)
            if JournalKind(originals[0].move.kind) in OF_PAYMENTS:
                raise NotByHand(journal=journal)
            currency = originals[0].currency
            posting = reverse_journal(
                session,
                org_id,
                journal,
                key=str(form.id),
                reason=form.reason,
                effective=business_date(now()),
                by=by.actor,
                amount=None if form.amount is None else Money.of(form.amount, currency),
            )
    except (AmountMalformed, NotPosted, ReasonMissing, ReversalExceeds, SeveralCurrencies) as no:
        mistakes = Mistakes((_mistake(no),), typed_in(data))
        return _show(org_id, journal, request, by, till, mistakes)
    return redirect(request, f"/staff/books/{org_id}/journals/{posting.journal}")


def _show(
    org_id: int,
    journal: UUID,
    request: Request,
    by: SignedIn,
    till: Till,
    mistakes: Mistakes | None = None,
) -> Response:
    with snapshot(till.database) as session:
        originals = _found(session, org_id, journal)
        page = journal_page(session, originals, by, language_of(request), mistakes)
    status = 422 if mistakes else 200
    return render(request, "staff/journal.html", page, status=status, here=page.url)


def journal_page(
    session: Session,
    originals: Sequence[Original],
    by: SignedIn,
    language: Language,
    mistakes: Mistakes | None,
) -> JournalPage:
    """A journal and everything that is kept beside it."""
    first = originals[0].move
    follows = JournalKind(first.kind) in OF_PAYMENTS
    left = sum(one.left_minor for one in originals)
    reversible = by.actor.may(Permission.KEEP_BOOKS) and not follows and left > 0
    reversible = reversible and first.reverses is None
    one_currency = len({one.currency for one in originals}) == 1
    typed = dict(mistakes.typed) if mistakes else {}
    return JournalPage(
        staff=by.staff(),
        book=pick(organisation(session, first.org_id).name, language),
        url=f"/staff/books/{first.org_id}/journals/{first.journal}",
        kind=JournalKind(first.kind).name.lower(),
        effective=first.effective,
        meant_for=first.carried_from,
        posted_at=first.posted_at,
        lines=tuple(_line(session, *numbered) for numbered in enumerate(originals, start=1)),
        facts=_facts(session, first),
        # One form is one request: sent twice, it takes back once.
        form_id=(typed.get("id") or str(new_id())) if reversible else "",
        left=Money(left, originals[0].currency) if reversible and one_currency else None,
        follows_payments=follows and by.actor.may(Permission.KEEP_BOOKS),
        typed=typed,
        mistakes=mistakes.found if mistakes else (),
    )


def _mistake(refusal: Refusal) -> Mistake:
    sentence = REFUSED.get(str(refusal.facts.get("outcome")), refusal.sentence())
    field = "amount" if isinstance(refusal, AmountMalformed | ReversalExceeds) else "reason"
    return Mistake(field, sentence, refusal.facts)


def _found(session: Session, org_id: int, journal: UUID) -> list[Original]:
    originals = originals_of(session, org_id, journal)
    if not originals:
        raise JournalNotFound(org_id=org_id, journal=journal)
    return originals


def _line(session: Session, number: int, one: Original) -> JournalLineRow:
    move, currency = one.move, CODES[one.move.currency]
    back = None
    if move.reverses is not None:
        taken = session.get_one(TransferRow, (move.org_id, move.reverses))
        back = f"/staff/books/{move.org_id}/journals/{taken.journal}"
    return JournalLineRow(
        number=number,
        debit=account_link(find_account(session, move.org_id, move.debit_account)),
        credit=account_link(find_account(session, move.org_id, move.credit_account)),
        amount=Money(move.amount_minor, currency),
        reversed=Money(one.reversed_minor, currency),
        takes_back=back,
    )


def _facts(session: Session, move: TransferRow) -> tuple[tuple[str, str], ...]:
    kept = session.get(JournalDoc, (move.org_id, move.journal))
    doc = (kept.doc if kept else None) or {}
    return tuple((name, str(doc[name])) for name in WORDS["journal_fact"] if doc.get(name))
