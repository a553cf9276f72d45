"""A month is closed: softly by the finance officer, for good by the chief; reopened by both, not by one."""

import hashlib
import re
from contextlib import closing

import pytest

from tests.given import OTHER_AGENCY
from tests.journeys.people import Officer, Page

pytestmark = pytest.mark.xdist_group("town")

PERIODS = f"/staff/books/{OTHER_AGENCY}/periods"
SOFTLY, AGAIN = "Close it softly", "Open it again"
CLOSE, REOPEN, ASK = (
    "Close it and seal its trial balance",
    "Reopen it for adjustments",
    "Ask to reopen it",
)
WHY = "A receipt of that month was found later"


@pytest.fixture
def chief(town):
    """The chief accountant, signed in."""
    with closing(Officer(town, "chief")) as person:
        person.sign_in()
        yield person


def press(person: Officer, words: str, **data: str) -> Page:
    """The last button of the page with these words: the oldest period stands last."""
    page = person.open(PERIODS)
    forms = page.tree.xpath("//form[.//button[normalize-space()=$words]]/@action", words=words)
    assert forms, f"no button '{words}' for {person.login}"
    return person.send(str(forms[-1]), **data)


def buttons(person: Officer) -> list[str]:
    found = person.open(PERIODS).tree.xpath("//main//form//button")
    return [" ".join(button.text_content().split()) for button in found]


def states(person: Officer) -> list[str]:
    """Of the periods that are over, oldest first."""
    rows = person.open(PERIODS).tree.xpath("//main//table/tbody/tr/td[1]")
    return [" ".join(row.text_content().split()) for row in reversed(rows)][:2]


def test_a_month_is_closed_and_reopened_by_two_and_what_was_sealed_stays(officer, chief, clerk):
    assert clerk.open(PERIODS).status == 403
    is_closed_by_two(officer, chief)
    digest = is_sealed(chief)
    is_reopened_by_two(officer, chief)

    assert press(chief, CLOSE).status == 303
    again = chief.open(PERIODS)
    assert len(again.tree.xpath("//a[starts-with(normalize-space(), 'No. ')]")) == 2
    first = chief.open(again.address("No. 1"))
    assert first.facts["SHA-256"] == digest
    assert first.facts["Reopened by"] == f"chief: {WHY}"


def is_closed_by_two(officer: Officer, chief: Officer) -> None:
    assert buttons(officer) == buttons(chief) == [SOFTLY]  # of two months that are over, the oldest
    assert press(officer, SOFTLY).status == 303
    assert states(officer) == ["Closed softly", "Open"]
    assert CLOSE not in buttons(officer)
    assert officer.open(PERIODS).facts["Closed softly by"] == "finance"
    address = chief.open(PERIODS).address(CLOSE)
    # The second time from a page that was left open.
    answers = [officer.send(address), chief.send(address), chief.send(address)]
    assert [answer.status for answer in answers] == [403, 303, 409]
    assert states(chief) == ["Closed", "Open"]


def is_sealed(chief: Officer) -> str:
    sealed = chief.open(chief.open(PERIODS).address("No. 1"))
    assert sealed.heading == "Sealed trial balance"
    text = chief.http.get(sealed.address("The text that was hashed"))
    assert hashlib.sha256(text.content).hexdigest() == sealed.facts["SHA-256"]
    assert re.match(r'\["mizon trial balance", 3, "\d{4}-\d\d-01"', text.text)
    return sealed.facts["SHA-256"]


def is_reopened_by_two(officer: Officer, chief: Officer) -> None:
    too_short = press(officer, ASK, reason="because")
    assert too_short.status == 422
    assert too_short.mistake("reason") == "Error: Write it in 10 characters or more"
    assert "because" in too_short.text
    assert press(officer, ASK, reason=WHY).status == 303
    assert "You have asked. A second person must reopen it." in officer.open(PERIODS).text
    assert chief.open(PERIODS).facts["Reason given"] == WHY
    approval = chief.open(PERIODS).address(REOPEN)
    assert [officer.send(approval).status, chief.send(approval).status] == [403, 303]
    assert states(chief) == ["Closed softly", "Open"]


def test_who_has_asked_to_reopen_cannot_approve_it(chief):
    assert press(chief, ASK, reason=WHY).status == 303
    assert REOPEN not in buttons(chief)
    address = chief.open(PERIODS).tree.xpath("string(//a[starts-with(., 'No. ')]/@href)")
    approval = f"{str(address).split('/closings/')[0]}/reopening/approval"
    assert chief.send(approval).status == 403


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/staff/books/3/periods/2026-13-01/closings/1", 422),
        ("/staff/books/3/periods/2001-01-31/closings/1", 404),
        ("/staff/books/3/periods/2001-01-31/closings/1/text", 404),
        ("/staff/books/3/periods/2001-01-31/closings/99999", 422),
        ("/staff/books/77/periods", 404),
    ],
)
def test_an_address_that_was_mistyped_is_no_fault(officer, address, status):
    assert officer.open(address).status == status


@pytest.mark.parametrize("move", ["soft-closing", "opening", "closing", "reopening/approval"])
def test_a_period_that_is_not_there_is_not_moved(chief, move):
    assert chief.send(f"{PERIODS}/2001-01-31/{move}").status in {404, 409}
