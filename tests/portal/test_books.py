"""The pages of a book and their files, over HTTP and on a real book."""

import csv
from io import BytesIO, StringIO
from typing import get_args

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openpyxl import load_workbook
from pypdf import PdfReader

from foundation.clock import business_date, now
from ledger.reports.reading import reading
from payments.checkout import Till
from portal import routes
from portal.documents.download import FileFormat
from portal.rendering import Site
from portal.routes.given import BookReader, SignedIn
from portal.routes.problems import answer_problems
from tests.given import OFFICER
from tests.ledger.reports.world import (
    HOSTILE,
    MONTH,
    NOVEMBER,
    account,
    build,
    clearing,
    posted,
    received,
    written_until_now,
)
from tests.portal.html import read

NOVEMBER_DAYS = f"first_day={MONTH.first}&last_day={MONTH.last}"
TRIAL, LEDGER = "/staff/books/1/trial-balance", "/staff/books/1/general-ledger"
NAME = "Dilnoza <b>Rahimova</b>"


def door_to(database):
    app = FastAPI()
    app.state.till = Till(database, {}, "http://testserver")
    app.state.site = Site()
    app.state.provider_origins = ()
    app.state.secure_cookie = False
    app.include_router(routes.router)
    answer_problems(app)
    reader = get_args(BookReader)[1].dependency
    app.dependency_overrides[reader] = lambda: SignedIn(OFFICER, NAME, 1)
    return TestClient(app, headers={"Accept-Language": "en"}, follow_redirects=False)


@pytest.fixture
def empty_door(db):
    """The town's books, in which nothing was posted."""
    return door_to(db)


@pytest.fixture
def door(db):
    build(db)
    return door_to(db)


def page(answer, status=200):
    assert answer.status_code == status, answer.text
    return read(answer.text)


def text(tree):
    return " ".join(tree.xpath("string(//main)").split())


def table(tree, caption):
    rows = tree.xpath("//table[caption[normalize-space()=$caption]]/*/tr", caption=caption)
    return [[" ".join(cell.text_content().split()) for cell in row] for row in rows]


def csv_rows(answer):
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("address", [TRIAL, LEDGER])
def test_an_empty_book_says_so(empty_door, address):
    tree = page(empty_door.get(address))
    assert "Nothing was posted in this book up to the last day." in text(tree)
    assert "0 transfers in this book" in text(tree)


@pytest.mark.parametrize("address", [TRIAL, LEDGER])
def test_a_book_that_is_not_there_is_not_found(empty_door, address):
    for ending in ("", ".csv", ".xlsx", ".pdf"):
        assert empty_door.get(address.replace("/1/", "/99/") + ending).status_code == 404


@pytest.mark.parametrize("address", [TRIAL, LEDGER])
@pytest.mark.parametrize(
    ("query", "mistake"),
    [
        ("first_day=2026-11-02&last_day=2026-11-01", "The last day is before the first"),
        ("first_day=yesterday", "Check this field and type it again"),
        ("last_day=2026-02-30", "Check this field and type it again"),
        ("last_day=1999-12-31", "Check this field and type it again"),
        ("last_day=9999-12-31", "Check this field and type it again"),
        ("known_at=noon", "Check this field and type it again"),
        ("first_day=%00", "Check this field and type it again"),
        ("known_at=2026-11-20T14:05%2B99:00", "Check this field and type it again"),
    ],
)
def test_days_that_are_wrong_are_asked_again(empty_door, address, query, mistake):
    tree = page(empty_door.get(f"{address}?{query}"), 422)
    assert mistake in tree.xpath("string(//*[@role='alert'])")
    assert not tree.xpath("//table")
    sent = empty_door.get(f"{address}.csv?{query}&lang=ru")
    assert sent.status_code == 303
    again = page(empty_door.get(sent.headers["location"]), 422)
    assert again.xpath("//*[@role='alert']")


def test_an_account_of_another_book_or_of_none_is_not_found(door):
    assert door.get(f"{LEDGER}?account=999999").status_code == 404
    assert door.get("/staff/books/1/accounts/999999/statement.csv").status_code == 404
    of_one = int(csv_rows_of_ids(door)[0])
    assert door.get(f"/staff/books/2/accounts/{of_one}/statement.csv").status_code == 404
    assert door.get(f"/staff/books/2/general-ledger?account={of_one}").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/staff/books/99999999999/trial-balance",
        "/staff/books/0/general-ledger.pdf",
        f"{LEDGER}?account={2**63}",
        f"/staff/books/1/accounts/{2**63}/statement.csv",
        f"{TRIAL}.exe",
    ],
)
def test_a_number_that_nothing_can_have_is_refused(empty_door, address):
    assert empty_door.get(address).status_code == 422


def csv_rows_of_ids(door):
    tree = page(door.get(f"{LEDGER}?{NOVEMBER_DAYS}"))
    return tree.xpath("//select[@name='account']/option/@value")


def test_the_trial_balance_shows_each_account_and_its_sums(door):
    tree = page(door.get(f"{TRIAL}?{NOVEMBER_DAYS}"))
    rows = table(tree, "Currency: UZS")
    assert rows[0][1:] == [
        *("Opening debit", "Opening credit", "Debit turnover", "Credit turnover"),
        *("Closing debit", "Closing credit"),
    ]
    stripe = next(row for row in rows if row[0] == "1210 Payment provider clearing stripe")
    assert stripe[1:] == ["10.08", "", "510.08", "200.00", "320.16", ""]
    total = rows[-1]
    assert total[0] == "Total"
    assert total[1] == total[2]
    assert total[3] == total[4]
    assert total[5] == total[6]
    assert [row[0] for row in rows if row[0].startswith("Total ")] == ["Total 1210", "Total 4010"]
    assert text(tree).count("Debits equal credits.") == 4  # one for each currency


def test_hostile_names_stay_text(door):
    source = door.get(f"{TRIAL}?{NOVEMBER_DAYS}").text
    assert "&lt;b&gt;" in source
    assert '"http://evil.example"' not in source
    for name in HOSTILE:
        assert name.split()[0][:9].replace('"', "&#34;") in source


def test_the_turnovers_lead_to_the_entries_they_are_made_of(door):
    tree = page(door.get(f"{TRIAL}?{NOVEMBER_DAYS}&lang=en"))
    row = "//table[contains(caption, 'UZS')]//tr[th[contains(., '1210') and contains(., 'stripe')]]"
    debit, credit = tree.xpath(f"{row}/td/a/@href")
    assert debit == credit
    ledger = page(door.get(debit))
    rows = table(ledger, "Entries by day of effect")[1:]
    assert [row[-3:] for row in rows] == [
        ["10.07", "", "20.15"],
        ["0.01", "", "20.16"],
        ["500.00", "", "520.16"],
        ["", "200.00", "320.16"],
    ]
    facts = {
        row.xpath("string(dt)"): row.xpath("string(dd)")
        for row in ledger.xpath("//dl[@class='facts']/div")
    }
    assert facts["Opening balance"].endswith("10.08\N{NO-BREAK SPACE}UZS")


def test_the_general_ledger_goes_from_account_to_account(door):
    seen, address = [], f"{LEDGER}?{NOVEMBER_DAYS}&lang=en"
    while address:
        tree = page(door.get(address))
        seen.append(tree.xpath("string(//select/option[@selected]/@value)"))
        address = next(iter(tree.xpath("//nav//a[@rel='next']/@href")), None)
    assert seen == tree.xpath("//select[@name='account']/option/@value")
    assert len(set(seen)) == len(seen) > 20


def test_a_long_account_goes_from_page_to_page(db, empty_door, monkeypatch):
    monkeypatch.setattr("portal.routes.staff.books.ENTRIES_OF_A_PAGE", 7)
    monkeypatch.setattr("ledger.reports.general_ledger.ENTRIES_OF_A_PAGE", 7)
    posted(db, "many", NOVEMBER, *[received(f"{number}") for number in range(1, 21)])
    balances, address = [], f"{LEDGER}?{NOVEMBER_DAYS}"
    while address:
        tree = page(empty_door.get(address))
        balances += [row[-1] for row in table(tree, "Entries by day of effect")[1:]]
        address = next(iter(tree.xpath("//p/a[@rel='next']/@href")), None)
    assert balances == [f"{sum(range(1, last + 1))}.00" for last in range(1, 21)]


@pytest.mark.parametrize("after", ["x", "2026-99-99.1", "2026-11-01.", "9" * 400, "2026-11-01.-1"])
def test_a_place_that_was_made_up_begins_anew(door, after):
    tree = page(door.get(f"{LEDGER}?{NOVEMBER_DAYS}", params={"after": after}))
    assert tree is not None


def test_a_page_is_of_this_month_when_nothing_is_asked(door):
    tree = page(door.get(TRIAL))
    today = business_date(now())
    boxes = tree.xpath("//input[@type='date']/@value")
    assert boxes == [str(today.replace(day=1)), str(today)]


def test_what_was_written_later_is_not_known_earlier(db, empty_door):
    posted(db, "a", NOVEMBER, received("70"))
    then = written_until_now(db)
    posted(db, "late", NOVEMBER, received("1"))
    for known_at, closing in ((then.isoformat(), "70.00"), ("", "71.00")):
        asked = {"first_day": MONTH.first, "last_day": MONTH.last, "known_at": known_at}
        rows = table(page(empty_door.get(TRIAL, params=asked)), "Currency: UZS")
        assert rows[1][5] == closing
        found = csv_rows(empty_door.get(f"{TRIAL}.csv", params=asked))
        assert found[0]["Closing debit"] == closing


@pytest.mark.parametrize("format", FileFormat)
@pytest.mark.parametrize("report", ["trial-balance", "general-ledger", "statement"])
def test_every_report_comes_as_every_file(db, door, report, format):
    one = account(db, clearing())
    part = f"accounts/{one.id}/statement" if report == "statement" else report
    answer = door.get(f"/staff/books/1/{part}.{format}?{NOVEMBER_DAYS}&lang=ru")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(format.media_type)
    assert f'filename="{report}' in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Language"] == "ru"
    if format is FileFormat.XLSX:
        cells = [str(c.value) for row in load_workbook(BytesIO(answer.content)).active for c in row]
        assert any("1210" in cell for cell in cells)
        assert any(NAME in cell for cell in cells)
    if format is FileFormat.PDF:
        written = "".join(p.extract_text() for p in PdfReader(BytesIO(answer.content)).pages)
        assert "1210" in written
        assert "Dilnoza" in written
    idle(db)


def test_the_links_to_files_ask_for_the_same_days(door):
    tree = page(door.get(f"{LEDGER}?{NOVEMBER_DAYS}&known_at=2099-01-01T00:00&lang=uz"))
    links = tree.xpath("//a[@download]/@href")
    assert len(links) == 6
    for link in links:
        assert NOVEMBER_DAYS in link
        assert "known_at=2099-01-01T00%3A00" in link
        assert "lang=uz" in link
        assert door.get(link).status_code == 200


def test_a_file_that_cannot_be_made_says_so_on_a_page_and_keeps_nothing_open(db, door, monkeypatch):
    monkeypatch.setattr("portal.documents.pdf.MOST_CELLS", 50)
    answer = door.get(f"{LEDGER}.pdf?{NOVEMBER_DAYS}", headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert "This report is too long for PDF. Take it as XLSX or CSV." in answer.text
    idle(db)


def test_a_reader_who_goes_away_gives_the_connection_back(db, door):
    posted(db, "many", NOVEMBER, *[received("1") for _ in range(8_000)])
    with door.stream("GET", f"{LEDGER}.csv?{NOVEMBER_DAYS}") as answer:
        assert answer.status_code == 200
        next(answer.iter_bytes(1_000))
    idle(db)


def test_a_file_is_of_one_moment_even_while_others_post(db, door, monkeypatch):
    rows = csv_rows(door.get(f"{LEDGER}.csv?{NOVEMBER_DAYS}"))

    def reading_while_somebody_posts(session, org_id):
        found = reading(session, org_id)
        posted(db, "meanwhile", NOVEMBER, received("77.77", to="meanwhile"))
        return found

    monkeypatch.setattr("portal.routes.staff.books.reading", reading_while_somebody_posts)
    assert csv_rows(door.get(f"{LEDGER}.csv?{NOVEMBER_DAYS}")) == rows
    assert len(csv_rows(door.get(f"{LEDGER}.csv?{NOVEMBER_DAYS}"))) == len(rows) + 2


def idle(db):
    """Nobody holds a connection any more."""
    assert db.engine.pool.checkedout() == 0
