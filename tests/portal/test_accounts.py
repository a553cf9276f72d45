"""The staff's page of an account, of a hold and of a journal, over HTTP and on real books."""

from datetime import timedelta
from typing import get_args
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from foundation.clock import business_date, now
from foundation.ids import new_id
from identity.actor import Actor
from identity.roles import Role
from ledger.between import due_to
from ledger.chart import JournalKind
from ledger.journals import Outcome, Transfer, capture, hold, journal_key
from ledger.money import UZS
from payments.checkout import Till
from portal import routes
from portal.rendering import Site
from portal.routes.given import BookKeeper, BookReader, SignedIn
from portal.routes.problems import answer_problems
from tests.given import OFFICER
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk
from tests.portal.html import read

KEEPER = Actor("staff", "karima", grants=frozenset({(Role.CHIEF_ACCOUNTANT, 1)}))
WHY = "Letter 17 of the treasury"


def door_to(database, actor):
    app = FastAPI()
    app.state.till = Till(database, {}, "http://testserver")
    app.state.site = Site()
    app.state.provider_origins = ()
    app.state.secure_cookie = False
    app.include_router(routes.router)
    answer_problems(app)
    for guard in (BookReader, BookKeeper):
        app.dependency_overrides[get_args(guard)[1].dependency] = lambda: SignedIn(actor, "K", 1)
    return TestClient(app, headers={"Accept-Language": "en"}, follow_redirects=False)


@pytest.fixture
def desk(db):
    return Desk(db)


@pytest.fixture
def door(db):
    return door_to(db, KEEPER)


def page_of(desk, key):
    return f"/staff/books/1/accounts/{desk.id(key)}"


def adjusted(desk, *lines):
    """An entry by hand; the address of its page."""
    posting = desk.post(desk.journal(*lines, kind=JournalKind.ADJUSTMENT))[0]
    assert posting.outcome is Outcome.POSTED
    return f"/staff/books/1/journals/{posting.journal}"


def opened(door, address, status=200):
    answer = door.get(address)
    assert answer.status_code == status, answer.text
    return read(answer.text)


def sent(door, address, **data):
    """The page that asks again."""
    answer = door.post(address, data=data)
    assert answer.status_code == 422, answer.text
    tree = read(answer.text)
    return {
        mistake.get("id").removesuffix("-mistake"): " ".join(mistake.text_content().split())
        for mistake in tree.xpath("//p[@class='mistake']")
    }


def done(door, address, **data):
    answer = door.post(address, data=data)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def facts(tree):
    pairs = tree.xpath("//dl[@class='facts']/div")
    return {
        " ".join(pair.find("dt").text_content().split()): " ".join(
            pair.find("dd").text_content().split()
        )
        for pair in pairs
    }


def rows(tree, caption):
    found = tree.xpath("//table[caption[normalize-space()=$caption]]/tbody/tr", caption=caption)
    return [[" ".join(cell.text_content().split()) for cell in row] for row in found]


def test_what_is_not_there_or_is_of_another_book_is_not_found(desk, door):
    address = adjusted(desk, Transfer(CLEARING, INCOME, UZS("1")))
    for missing in (
        "/staff/books/1/accounts/999999",
        page_of(desk, CLEARING).replace("/books/1/", "/books/2/"),
        f"/staff/books/1/journals/{uuid4()}",
        address.replace("/books/1/", "/books/2/"),
        f"/staff/books/1/holds/{uuid4()}",
    ):
        opened(door, missing, 404)
    for form in ("/moves", "/limits"):
        data = {"event": "freeze", "reason": WHY, "source": WHY}
        assert door.post(f"/staff/books/1/accounts/999999{form}", data=data).status_code == 404
    opened(door, "/staff/books/1/journals/1", 422)


def test_who_only_reads_is_offered_no_form(desk):
    address = adjusted(desk, Transfer(CLEARING, INCOME, UZS("1")))
    reader = door_to(desk.database, OFFICER)
    for shown in (page_of(desk, CLEARING), address):
        assert opened(reader, shown).xpath("//main//form") == []


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"most": "1", "source": ""}, "source", "Name the law or document that sets this limit."),
        ({"most": "ten", "source": "x"}, "most", "Enter an amount, such as 150 000 or 150 000,50"),
        (
            {"least": "2", "most": "1", "source": "x"},
            "most",
            "The most would be less than the least.",
        ),
        ({"starts_on": "2026-01-01", "source": "x"}, "starts_on", "A limit begins now or later."),
        ({"starts_on": "2026-02-30", "source": "x"}, "starts_on", None),
        ({"most": "9" * 18, "source": "x"}, "most", "No account can ever reach this limit."),
        ({"most": "9" * 30, "source": "x"}, "most", None),
    ],
)
def test_a_limit_that_cannot_be_is_asked_again_and_nothing_is_set(
    desk, door, typed, field, sentence
):
    address = page_of(desk, INCOME)
    mistakes = sent(door, f"{address}/limits", **typed)

    assert set(mistakes) == {field}
    if sentence:
        assert mistakes[field] == f"Error: {sentence}"
    assert rows(opened(door, address), "Limits, the latest first") == []


def test_the_floor_of_the_chart_stays_underneath(desk, door):
    mistakes = sent(door, f"{page_of(desk, CREDIT)}/limits", least="-0,01", source="Order 1")

    assert "The chart of accounts does not let" in mistakes["least"]


def test_a_limit_is_set_at_once_and_another_is_planned(desk, door):
    address, tomorrow = page_of(desk, INCOME), business_date(now()) + timedelta(days=1)
    done(door, f"{address}/limits", least="-1 000,50", most="100", source="Budget Act 2027")
    done(door, f"{address}/limits", most="150", starts_on=str(tomorrow), source="as amended")

    tree = opened(door, address)
    assert [row[1:5] for row in rows(tree, "Limits, the latest first")] == [
        ["Planned", "none", "150.00", "as amended"],
        ["In force", "−1,000.50", "100.00", "Budget Act 2027"],
    ]
    shown = facts(tree)
    assert shown["Most that it may be"] == "100.00 UZS"
    assert shown["Least that must stay available"] == "−1,000.50 UZS"
    boxes = {
        name: tree.xpath("string(//input[@name=$n]/@value)", n=name) for name in ("least", "most")
    }
    assert boxes == {"least": "-1000.50", "most": "100.00"}  # so that none is lifted by oversight
    assert desk.does(Transfer(CLEARING, INCOME, UZS("100.01"))) is Outcome.ABOVE_LIMIT
    assert "Limit set: karima" in tree.xpath("string(//ol[@class='thread'])")


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"event": "freeze", "reason": ""}, "reason"),
        ({"event": "freeze", "reason": "short"}, "reason"),
        ({"event": "", "reason": WHY}, "event"),
        ({"event": "melt", "reason": WHY}, "event"),
        ({"event": "close", "reason": WHY}, "event"),
        ({"event": "unfreeze", "reason": "x" * 1001}, "reason"),
    ],
)
def test_a_move_that_cannot_be_is_asked_again_and_nothing_changes(desk, door, typed, field):
    address = page_of(desk, INCOME)

    assert set(sent(door, f"{address}/moves", **typed)) == {field}
    assert facts(opened(door, address))["State"] == "Open"


def test_an_account_with_money_on_it_says_that_it_cannot_be_closed(desk, door):
    desk.credited("1.00")
    address = page_of(desk, CREDIT)
    done(door, f"{address}/moves", event="wind_down", reason=WHY)

    mistakes = sent(door, f"{address}/moves", event="close", reason=WHY)
    assert mistakes["event"] == "Error: Something is still on this account, or held on it."
    assert facts(opened(door, address))["State"] == "Being closed"


def test_an_account_is_frozen_and_unfrozen_with_its_story(desk, door):
    address = page_of(desk, INCOME)
    done(door, f"{address}/moves", event="freeze", reason=WHY)
    tree = opened(door, address)
    assert facts(tree)["State"] == "Frozen"
    assert tree.xpath("//select[@name='event']/option/@value") == ["", "unfreeze", "wind_down"]
    assert desk.does(Transfer(CLEARING, INCOME, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN

    done(door, f"{address}/moves", event="unfreeze", reason=WHY)
    assert desk.does(Transfer(CLEARING, INCOME, UZS("1"))) is Outcome.POSTED
    assert WHY in opened(door, address).xpath("string(//ol[@class='thread'])")


def test_holds_are_listed_on_both_their_accounts_and_each_has_its_page(desk, door):
    desk.credited("100.00")
    key = new_id()
    desk.does(hold(key, CREDIT, INCOME, UZS("60"), expires_at=now() + timedelta(hours=1)))
    desk.does(capture(key, CREDIT, INCOME, UZS("20")))

    for account, way in ((CREDIT, "Out"), (INCOME, "In")):
        tree = opened(door, page_of(desk, account))
        (row,) = rows(tree, "Open holds")
        assert row[1:4] == [way, "60.00", "40.00"]
    assert facts(opened(door, page_of(desk, CREDIT)))["Available"] == "40.00 UZS"
    story = opened(door, f"/staff/books/1/holds/{key}")
    assert facts(story)["Captured"] == "20.00 UZS"
    steps = [" ".join(step.text_content().split()) for step in story.xpath("//ol/li")]
    assert [step.split(" UZS")[0] for step in steps] == ["Placed: 60.00", "Captured: 20.00"]
    (capture_url,) = story.xpath("//ol/li//a/@href")
    assert rows(opened(door, capture_url), "Its lines")[0][3] == "20.00 UZS"


def test_the_page_tells_the_organisation_that_a_debt_is_about(desk, door):
    assert facts(opened(door, page_of(desk, due_to(2, "UZS"))))["Organisation"]
    assert "Organisation" not in facts(opened(door, page_of(desk, due_to(77, "UZS"))))


def test_an_entry_of_a_payment_is_not_taken_back_by_hand(desk, door, given):
    charge = given.settled_charge(given.open_bill())
    journal = journal_key("charge", f"{charge.id}:settled")
    address = f"/staff/books/{charge.org_id}/journals/{journal}"
    tree = opened(door, address)
    assert "follows a payment" in tree.xpath("string(//main)")
    assert tree.xpath("//main//form") == []

    refused = door.post(f"{address}/reversals", data={"id": str(new_id()), "reason": WHY})
    assert refused.status_code == 422
    assert "follows a payment" in refused.text
    given.proves()


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"reason": "short"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"amount": "10,01", "reason": WHY}, "amount"),
        ({"amount": "0", "reason": WHY}, "amount"),
        ({"amount": "-1", "reason": WHY}, "amount"),
        ({"amount": "all", "reason": WHY}, "amount"),
    ],
)
def test_a_reversal_that_cannot_be_is_asked_again_under_the_same_request(desk, door, typed, field):
    address, request = adjusted(desk, Transfer(CLEARING, INCOME, UZS("10"))), str(new_id())
    assert set(sent(door, f"{address}/reversals", id=request, **typed)) == {field}

    again = door.post(f"{address}/reversals", data={"id": request, **typed})
    assert read(again.text).xpath("//input[@name='id']/@value") == [request]
    assert desk.balance(CLEARING) == "10.00"


def test_money_that_was_spent_since_is_said_to_be_spent(desk, door):
    address = adjusted(desk, Transfer(CLEARING, CREDIT, UZS("10")))
    desk.does(Transfer(CREDIT, INCOME, UZS("4")))

    mistakes = sent(door, f"{address}/reversals", id=str(new_id()), reason=WHY)
    assert mistakes["reason"] == "Error: What this entry brought has been spent or held since."


def test_a_form_sent_twice_takes_back_once(desk, door):
    address = adjusted(desk, Transfer(CLEARING, INCOME, UZS("10")))
    asked = {"id": str(new_id()), "amount": "4", "reason": WHY}

    first = done(door, f"{address}/reversals", **asked)
    assert done(door, f"{address}/reversals", **asked) == first
    assert desk.balance(CLEARING) == "6.00"
    another = sent(door, f"{address}/reversals", **(asked | {"amount": "5"}))
    assert "refused" in another["reason"]


def test_an_entry_is_taken_back_in_part_and_then_whole_and_both_pages_show_it(desk, door):
    address = adjusted(desk, Transfer(CLEARING, INCOME, UZS("10")))
    part = done(door, f"{address}/reversals", id=str(new_id()), amount="4", reason=WHY)
    tree = opened(door, address)
    assert rows(tree, "Its lines")[0][3:] == ["10.00 UZS", "4.00 UZS"]
    assert "6.00" in tree.xpath("string(//p[@id='amount-hint'])")

    done(door, f"{address}/reversals", id=str(new_id()), reason=WHY)
    assert opened(door, address).xpath("//main//form") == []
    reversal = opened(door, part)
    assert facts(reversal)["Why"] == WHY
    assert reversal.xpath(f"//a[@href='{address}']")
    assert reversal.xpath("//main//form") == []
    gone = door.post(f"{address}/reversals", data={"id": str(new_id()), "reason": WHY})
    assert gone.status_code == 409
    assert desk.balance(CLEARING) == "0.00"
    desk.proves()


def test_each_movement_of_an_account_leads_to_its_entry(desk, door):
    address = adjusted(desk, Transfer(CLEARING, INCOME, UZS("10")))

    assert opened(door, page_of(desk, CLEARING)).xpath(f"//a[@href='{address}']")
