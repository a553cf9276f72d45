"""Journey 3 from a chair: sign in, take the bank's file, reconcile, explain the rest, read the books."""

import re
from contextlib import closing

import httpx2
import pytest

from tests.journeys.books import attempts
from tests.journeys.people import Officer, path_of

pytestmark = pytest.mark.xdist_group("town")

WRONG = "The sign-in name and the password do not belong together."


@pytest.fixture
def person(town):
    """The finance officer, at the door."""
    with closing(Officer(town, "finance")) as visitor:
        yield visitor


@pytest.fixture
def bank(town):
    """The sandbox's bank and its providers' back offices."""
    with httpx2.Client(base_url=town.settings.sandbox_url, timeout=15) as client:

        def close_day():
            """Providers pay out, the bank closes its statement: the file."""
            assert client.post("/settlement", json={"provider": "all"}).status_code == 200
            closed = client.post("/bank/statements", json={}).json()
            return client.get(closed["url"]).content

        def transfer(minor, purpose):
            order = {
                "amount_minor": minor,
                "purpose": purpose,
                "payer_name": "Jasur Toʻxtayev",
                "payer_account": "22618000905703819001",
            }
            assert client.post("/bank/transfers", json=order).status_code == 201

        client.close_day, client.transfer = close_day, transfer
        yield client


def rows(page, caption):
    """A table's rows as lists of texts."""
    found = page.tree.xpath(
        "//table[caption[normalize-space()=$caption]]/tbody/tr", caption=caption
    )
    return [[" ".join(cell.text_content().split()) for cell in row] for row in found]


def test_a_wrong_password_is_refused_in_the_same_words_as_an_unknown_name(person):
    for login, password in (("finance", "wrong"), ("somebody", person.password)):
        refused = person.send(
            "/staff/sessions", login=login, password=password, onward="/staff/jobs"
        )
        assert (refused.status, refused.heading) == (422, "Sign in")
        assert WRONG in refused.text
        assert refused.tree.xpath("string(//input[@name='login']/@value)") == login
        assert not refused.tree.xpath("//input[@name='password']/@value")
        assert refused.tree.xpath("string(//input[@name='onward']/@value)") == "/staff/jobs"
    assert person.send("/staff/sessions").mistake("password") == "Error: Enter your password"


def test_guessing_is_slowed_down(person):
    answers = [person.send("/staff/sessions", login="guessed", password=str(n)) for n in range(11)]
    assert [answer.status for answer in answers] == [422] * 10 + [429]


def test_signing_in_leads_to_where_one_wanted_to_go_and_never_to_another_site(person):
    asked = person.follow(person.open("/staff/breaks"))
    onward = asked.tree.xpath("string(//input[@name='onward']/@value)")
    assert onward == "/staff/breaks"
    credentials = {"login": person.login, "password": person.password}
    for wanted, reached in (
        (onward, "/staff/breaks"),
        ("https://evil.example/staff", "/staff"),
        ("//evil.example/staff", "/staff"),
        ("/staff//evil.example", "/staff"),
        ("/staff\\@evil.example", "/staff%5C@evil.example"),  # a path, to a browser too
    ):
        signed = person.send("/staff/sessions", **credentials, onward=wanted)
        assert (signed.status, signed.answer.headers["location"]) == (303, reached)
    cookie = signed.answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.split("; "))


def test_signing_out_ends_the_session_on_the_server(town, officer):
    token = dict(officer.http.cookies)
    assert officer.open("/staff").heading == "What needs you today"
    left = officer.follow(officer.send("/staff/sessions/end"))
    assert "You have signed out" in left.text
    with httpx2.Client(base_url=town.settings.base_url, cookies=token) as thief:
        assert thief.get("/staff").status_code == 303


def test_a_banking_day_from_the_file_to_the_proof(citizen, officer, new_bill, bank, desk):
    """Card and Payme, a webhook that never came, a transfer with its reference and one without."""
    by_card, by_payme, silent, by_transfer = (new_bill() for _ in range(4))
    citizen.outcome(citizen.pay(by_card))
    citizen.outcome(citizen.pay(by_payme, "payme"))
    citizen.pay(silent, behaviour="no_webhook")
    bank.transfer(by_transfer.amount_minor, f"Toʻlov {by_transfer.reference}")
    bank.transfer(77_001_00, "rahmat")
    file = bank.close_day()

    page = officer.follow(officer.upload("day.xml", file))
    assert page.facts["Verdict"] == "Accepted"
    lines = rows(page, "Lines of the statement")
    assert len(lines) == 4
    again = officer.follow(officer.upload("the same under another name.xml", file))
    assert "This file had come before" in again.text
    assert rows(again, "Lines of the statement") == lines

    page = officer.follow(officer.send("/staff/reconciliation/runs"))
    assert page.heading == "Reconciliation"
    proofs = rows(page, "Proof of the books")
    assert proofs
    assert {row[-1] for row in proofs} == {"Holds"}
    for bill in (by_card, by_payme, silent, by_transfer):
        assert citizen.open(f"/bills/{bill.reference}").heading == "This bill is paid"

    charge = attempts(desk.database, silent.reference)[0]
    trace = officer.open(f"/staff/payments/{charge.handle}")
    assert {"Payment confirmed"} == {row[0] for row in rows(trace, "In the books")}
    assert "20208000900000000001" in trace.text  # its payout stands on the bank's statement

    again = officer.follow(officer.send("/staff/reconciliation/runs"))
    newest = rows(again, "Last runs")[0]
    assert newest[1:4] == ["0", "0", "Holds"]


def test_a_difference_is_listed_explained_and_closed_once(officer, bank):
    bank.transfer(77_002_00, "hech narsa")
    officer.upload("day.xml", bank.close_day())
    officer.send("/staff/reconciliation/runs")
    listed = officer.open("/staff/breaks?type=unidentified")
    mine = "//tr[contains(., '77,002.00')]//a/@href"
    address = listed.tree.xpath(mine)[0]
    page = officer.open(address)
    assert (page.heading, page.facts["Purpose"]) == ("Unidentified receipt", "hech narsa")
    short = officer.send(f"{address}/resolution", resolution="ok")
    assert (short.status, short.mistake("resolution")) == (
        422,
        "Error: Write it in 10 characters or more",
    )
    words = "Asked the payer: meant for the water works, sent back by letter 12"
    closed = officer.follow(officer.send(f"{address}/resolution", resolution=words))
    assert words in closed.text
    assert closed.facts["State"] == "Resolved"
    assert officer.send(f"{address}/resolution", resolution=words).status == 409
    assert address not in officer.open("/staff/breaks?type=unidentified").answer.text
    assert address in officer.open("/staff/breaks?state=resolved").answer.text


def another_closing_balance(xml):
    return re.sub(rb"(CLBD.*?<Amt[^>]*>)", rb"\g<1>9", xml, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("unbalanced.xml", another_closing_balance, "unbalanced"),
        ("cut.xml", lambda xml: xml[: len(xml) // 2], ""),
        ("bomb.xml", lambda _: b'<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>', ""),
        ("empty.xml", lambda _: b"", ""),
        ("photo.jpg", lambda _: bytes(range(256)) * 40, ""),
    ],
)
def test_a_file_that_is_not_sound_is_set_aside_with_its_reasons(officer, bank, name, spoil, reason):
    before = rows(officer.open("/staff/books/1/trial-balance"), "Currency: UZS")
    sound = bank.close_day()
    page = officer.follow(officer.upload(name, spoil(sound)))
    assert page.facts["Verdict"] in {"Quarantined", "Refused"}
    assert "Why it was stopped" in page.text
    assert reason in page.answer.text
    officer.send("/staff/reconciliation/runs")
    assert rows(officer.open("/staff/books/1/trial-balance"), "Currency: UZS") == before
    assert officer.follow(officer.upload(name, sound)).facts["Verdict"] == "Accepted"


def test_no_file_at_all_is_asked_for_again(officer):
    page = officer.send("/staff/statements")
    assert (page.status, page.mistake("file")) == (422, "Error: Choose a file")


def test_the_books_can_be_read_down_to_the_payment(citizen, officer, new_bill):
    bill = new_bill()
    citizen.outcome(citizen.pay(bill))
    page = officer.open("/staff/books/2/trial-balance")
    assert "Debits equal credits." in page.text
    clearing = page.tree.xpath("//tr[contains(., '1210') and contains(., 'stripe')]//a/@href")[0]
    account = officer.open(clearing)
    assert account.status == 200
    assert "Payment confirmed" in account.text
    assert officer.open("/staff/books/2/accounts/999999").status == 404
    assert officer.open("/staff/books/99/trial-balance").status == 404


def test_the_jobs_page_tells_how_each_job_ended(officer):
    page = officer.open("/staff/jobs")
    jobs = rows(page, "Scheduled jobs")
    assert len(jobs) >= 6
    assert "Failed" not in {row[1] for row in jobs}


def test_a_clerk_issues_a_bill_and_it_can_be_paid(clerk, citizen):
    form = clerk.open("/staff/bills/new")
    service = form.tree.xpath("//select[@name='service']/option[@value != '']/@value")[0]
    wrong = clerk.send(
        "/staff/bills", service=service, payer_name="<b>O'ktam & Co", amount="12,5,0"
    )
    assert (wrong.status, bool(wrong.mistake("amount"))) == (422, True)
    assert wrong.tree.xpath("string(//input[@name='payer_name']/@value)") == "<b>O'ktam & Co"
    data = {"service": service, "payer_name": "<b>O'ktam & Co", "amount": "150 000,50"}
    listed = clerk.follow(clerk.send("/staff/bills", **data))
    reference = re.search(r"issued=(\d{20})", str(listed.answer.url)).group(1)
    assert "<b>O'ktam & Co" in listed.text
    page = citizen.open(f"/bills/{reference}")
    assert "150,000.50 UZS" in page.text
    paid = citizen.choose(
        citizen.send(f"/bills/{reference}/payments", provider="stripe").answer.headers["location"]
    )
    assert citizen.outcome(path_of(paid.answer.headers["location"])).heading == "Paid"
    assert citizen.open(f"/bills/{reference}").heading == "This bill is paid"


def test_a_clerk_cancels_a_bill_and_nothing_is_owed(clerk, citizen, new_bill):
    bill = new_bill()
    assert clerk.send(f"/staff/bills/{bill.reference}/cancellation").status == 303
    assert citizen.open(f"/bills/{bill.reference}").heading == "This bill has been cancelled"
