"""The pages of the proofs: for those who read the books, and for everybody."""

from dataclasses import replace
from datetime import timedelta

from ledger.rules import RULES
from portal.languages import Language, pick
from portal.pages.proof import BookRow, PublicProofPage
from portal.pages.staff import proof
from portal.pages.staff.frame import Staff
from tests.portal.samples.world import AGENCY, LATER, NOON, OFFICER, Sample, mistake, sample

CHIEF = Staff("Karima Toʻxtayeva", "chief_accountant", 1, ("books", "proof", "jobs"))
RUN = proof.ProofRow(
    url="/staff/proof/01993f2e-8c1d-7a52-b1f4-5d3c9a0b7e21",
    at=NOON,
    by="prove_books",
    rules=29,
    broken=0,
    examined=12_345_678,
    milliseconds=4_211,
)
NIGHTS = tuple(
    replace(RUN, at=NOON - timedelta(days=number), milliseconds=4_211 - 97 * number)
    for number in range(30)
)
WHY = "balances: org_id 7, account 31, number 4010, name local-budget, stored 100, recomputed 99"
RULE_ROWS = tuple(proof.RuleRow(rule.name, 1_007_616, 1_592, holds=True) for rule in RULES)


@sample("staff-proof")
def agreeing(_: Language) -> Sample:
    view = proof.ProofPage(OFFICER, RUN, "0/2BC71D18", RULE_ROWS, (), NIGHTS)
    return "staff/proof.html", view


@sample("staff-proof-differs")
def differing(language: Language) -> Sample:
    book = pick(AGENCY, language)
    broken = replace(RULE_ROWS[0], holds=False, books=(book, "8"), difference=WHY)
    run = replace(RUN, broken=1, shut=2)
    view = proof.ProofPage(
        CHIEF,
        run,
        "1A/2BC71D18",
        (broken, *RULE_ROWS[1:]),
        (
            proof.ShutRow("/staff/proof/books/7", book, NOON, WHY),
            proof.ShutRow("/staff/proof/books/8", "8", NOON, WHY, asked=True),
        ),
        (run, *NIGHTS[1:3]),
        keeps_books=True,
    )
    return "staff/proof.html", view


@sample("staff-proof-none")
def none_yet(_: Language) -> Sample:
    return "staff/proof.html", proof.ProofPage(CHIEF, None, "", (), (), (), keeps_books=True)


def shut(language: Language, **more: object) -> Sample:
    told = {
        "staff": CHIEF,
        "book": pick(AGENCY, language),
        "url": "/staff/proof/books/7",
        "shut_at": NOON,
        "shut_by": "prove_books",
        "why": WHY,
        "agrees": False,
        "keeps_books": True,
    }
    return "staff/proof_book.html", proof.ShutBookPage(**(told | more))


ASKED = {
    "asked_by": "karima",
    "asked_at": LATER,
    "asked_reason": "Oʻzgartirilgan qator zaxira nusxasidan tiklandi",
}


@sample("staff-proof-book")
def shut_mistaken(language: Language) -> Sample:
    found = (mistake(proof.OpeningForm, "reason", "wrong"),)
    return shut(language, reason="ok", mistakes=found)


@sample("staff-proof-book-asked-by-me")
def shut_asked_by_me(language: Language) -> Sample:
    return shut(language, own=True, agrees=True, **ASKED)


@sample("staff-proof-book-to-open")
def shut_to_open(language: Language) -> Sample:
    return shut(language, agrees=True, **ASKED)


@sample("staff-proof-book-read-only")
def shut_read_only(language: Language) -> Sample:
    return shut(language, staff=OFFICER, keeps_books=False)


PUBLIC_RULES = tuple(rule.name for rule in RULES if rule.shuts)


@sample("proof")
def public(language: Language) -> Sample:
    books = tuple(
        BookRow(pick(AGENCY, language), count, agrees=True, proved_at=NOON)
        for count in (12_345_678, 0)
    )
    return "proof.html", PublicProofPage(NOON, books, PUBLIC_RULES)


@sample("proof-differs")
def public_differs(language: Language) -> Sample:
    books = (
        BookRow(pick(AGENCY, language), 12_345, agrees=False, proved_at=NOON),
        BookRow("8", 1, agrees=True, proved_at=LATER),
    )
    return "proof.html", PublicProofPage(LATER, books, PUBLIC_RULES)


@sample("proof-none")
def public_none(_: Language) -> Sample:
    return "proof.html", PublicProofPage(None, (), PUBLIC_RULES)
