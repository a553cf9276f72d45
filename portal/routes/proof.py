"""The public page of the proofs: whether the books agree, and nothing about anybody."""

from fastapi import APIRouter, Request, Response

from identity.parties import organisations
from ledger.proof_results import last_of_each_book
from ledger.rules import RULES
from portal.languages import language_of, pick
from portal.pages.proof import BookRow, PublicProofPage
from portal.rendering import render
from portal.routes.given import Taking

router = APIRouter()


@router.get("/proof")
def public_proof(request: Request, till: Taking) -> Response:
    """The last result of each book, by the name of its organisation."""
    language = language_of(request)
    with till.database.transaction() as session:
        names = {one.org_id: pick(one.name, language) for one in organisations(session)}
        found = last_of_each_book(session)
    rows = tuple(
        BookRow(
            names.get(book.org_id, str(book.org_id)),
            book.transfers,
            not book.broken,
            book.proved_at,
        )
        for book in found
    )
    newest = max((row.proved_at for row in rows), default=None)
    rules = tuple(rule.name for rule in RULES if rule.shuts)
    return render(request, "proof.html", PublicProofPage(newest, rows, rules))
