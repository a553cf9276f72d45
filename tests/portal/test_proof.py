"""The pages of the proofs over HTTP: what anybody sees, and how two persons open a book."""

from typing import get_args

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from foundation.ids import new_id
from identity.actor import Actor, system_actor
from identity.roles import Role
from payments.checkout import Till
from payments.reconciliation.proving import prove_books
from portal import routes
from portal.rendering import Site
from portal.routes.given import BookKeeper, BookReader, SignedIn
from portal.routes.problems import answer_problems
from service.demo.town import NAMES, OPERATOR
from tests.given import AGENCY, NOON
from tests.portal.html import read
from tests.superuser import as_superuser

NIGHT = system_actor("prove_books")
DAMAGE = "UPDATE ledger.account SET posted = posted {} 1 WHERE org_id = 2 AND number = '4010'"
BOOK = f"/staff/proof/books/{AGENCY}"
REASON = {"reason": "the row was put back as the backup has it"}


def chief(login: str) -> Actor:
    return Actor("staff", login, grants=frozenset({(Role.CHIEF_ACCOUNTANT, OPERATOR)}))


class Door:
    """The pages, and who stands before them."""

    def __init__(self, database) -> None:
        app = FastAPI()
        app.state.till = Till(database, {}, "http://testserver")
        app.state.site = Site()
        app.state.provider_origins = ()
        app.state.secure_cookie = False
        app.include_router(routes.router)
        answer_problems(app)
        for given in (BookReader, BookKeeper):
            app.dependency_overrides[get_args(given)[1].dependency] = lambda: SignedIn(
                self.person, "Karima", OPERATOR
            )
        self.person = chief("karima")
        self.client = TestClient(app, headers={"Accept-Language": "en"}, follow_redirects=False)

    def page(self, url: str, status: int = 200) -> str:
        answer = self.client.get(url)
        assert answer.status_code == status, answer.text
        return said(answer.text)

    def send(self, url: str, status: int = 303, **form: str) -> str:
        answer = self.client.post(url, data=form)
        assert answer.status_code == status, answer.text
        return answer.headers["location"] if status == 303 else said(answer.text)


def said(html: str) -> str:
    return " ".join(read(html).xpath("string(//main)").split())


@pytest.fixture
def door(db, given) -> Door:
    given.settled_charge(given.open_bill())
    return Door(db)


def prove(db) -> None:
    prove_books(db, by=NIGHT, at=NOON)


def test_before_the_first_proof_the_pages_say_so(door):
    for url in ("/proof", "/staff/proof"):
        assert "The books have not been proved yet." in door.page(url)


def test_a_proof_that_does_not_exist_is_not_found(door):
    for key in (str(new_id()), "1", "%00", "runs"):
        assert "There is no such proof." in door.page(f"/staff/proof/{key}", 404)


def test_everybody_may_see_that_every_book_agrees_and_nothing_else(door, db):
    prove(db)

    told = door.page("/proof")
    assert "Yes: every book agrees" in told
    assert told.count("Agrees") == 3
    assert "Every account's balance is the sum of its transfers." in told
    assert "Every settled charge" not in told, "what is between payments and books is for the staff"
    assert "Karimova" not in told


def test_everybody_may_see_that_a_book_does_not_agree(door, db, owner_url):
    as_superuser(owner_url, DAMAGE.format("+"))
    prove(db)

    told = door.page("/proof")
    assert "1 book does not agree" in told
    assert told.count("Agrees") == 2
    assert "4010" not in told, "what differs is for the staff"


def test_the_staff_sees_what_differs_where_and_which_book_is_shut(door, db, owner_url):
    prove(db)
    as_superuser(owner_url, DAMAGE.format("+"))
    prove(db)

    told = door.page("/staff/proof")
    assert "1 book is shut" in told
    assert "number 4010" in told
    assert told.count(NAMES[AGENCY][3]["en"]) == 3, "beside its shutting and beside both rules"
    links = read(door.client.get("/staff/proof").text).xpath(
        "//a[contains(@href, '/staff/proof/0')]/@href"
    )
    assert len(links) == 2
    earlier = door.page(links[1])
    assert "number 4010" not in earlier.split("The rules")[1].split("The last proofs")[0]


def test_a_book_is_opened_by_two_persons_on_the_page(door, db, owner_url):
    as_superuser(owner_url, DAMAGE.format("+"))
    prove(db)
    assert "Write it in 10 characters or more" in door.send(f"{BOOK}/opening", 422, reason="ok")
    assert door.send(f"{BOOK}/opening", **REASON) == BOOK
    assert "You have asked. A second person must open it." in door.page(BOOK)
    assert "a second person must" in door.send(f"{BOOK}/approval", 403)

    door.person = chief("botir")
    assert "Open the book" not in door.page(BOOK)
    assert "does not speak for this book" in door.send(f"{BOOK}/approval", 409)
    as_superuser(owner_url, DAMAGE.format("-"))
    assert door.send("/staff/proof/runs") == "/staff/proof"
    assert "Open the book" in door.page(BOOK)
    assert door.send(f"{BOOK}/approval") == "/staff/proof"

    assert "shut" not in door.page("/staff/proof").split("The rules")[0].replace(
        "is shut at once", ""
    )
    assert "This book is open." in door.page(BOOK, 409)


def test_who_only_reads_the_books_is_offered_no_form(door, db, owner_url):
    as_superuser(owner_url, DAMAGE.format("+"))
    prove(db)
    door.person = Actor("staff", "finance", grants=frozenset({(Role.FINANCE_OFFICER, OPERATOR)}))

    assert "Prove now" not in door.page("/staff/proof")
    assert "Ask to open it" not in door.page(BOOK)


def test_a_payer_of_a_shut_book_is_told_in_plain_words(door, db, given, owner_url):
    bill = given.open_bill()
    as_superuser(owner_url, DAMAGE.format("+"))
    prove(db)

    door.client.app.state.till = Till(db, {"stripe": object()}, "http://testserver")
    told = door.send(f"/bills/{bill.reference}/payments", 409, provider="stripe")
    assert "These books take no entries while they are being checked" in told
    assert "This request did not start a payment." in told
