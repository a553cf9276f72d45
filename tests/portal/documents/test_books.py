"""The books' reports as files: read back, they say what the books say, to the last tiyin."""

import csv
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from foundation.database import Database
from ledger.accounts import account_id, find_account, open_book
from ledger.chart import JournalKind
from ledger.journals import Journal, Transfer
from ledger.money import UZS
from ledger.posting import post
from ledger.reports.general_ledger import general_ledger
from ledger.reports.reading import reading, snapshot
from ledger.reports.statements import entries_in, statement_over
from ledger.reports.trial_balance import account_turnovers, trial_balance
from portal.documents.books import (
    About,
    general_ledger_document,
    statement_document,
    trial_balance_document,
)
from portal.documents.csv import as_csv
from portal.documents.pdf import TooLongForPdf, as_pdf
from portal.documents.xlsx import as_xlsx
from portal.languages import Language, translations
from tests.ledger.reports.world import (
    MONTH,
    NEXT_DAY,
    account,
    build,
    clearing,
    posted,
    received,
    revenue,
)

NOON = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
BOOK = 'Gʻazna "=1+1" <b>&amp;'


@pytest.fixture
def books(empty: Database) -> Database:
    with empty.transaction() as session:
        open_book(session, 1)
    return empty


@pytest.fixture
def full(books: Database) -> Database:
    build(books)
    return books


def about(session, days=MONTH, language=Language.EN, by="Dilnoza Rahimova"):
    return About(BOOK, days, reading(session, 1), language, by, NOON)


def documents(session, days=MONTH, language=Language.EN):
    """Each of the three reports of book 1."""
    told = about(session, days, language)
    yield trial_balance_document(told, trial_balance(session, 1, days))
    yield general_ledger_document(told, general_ledger(session, 1, days))
    for one in account_turnovers(session, 1, days)[:1]:
        statement = statement_over(session, one.account, date(2000, 1, 1), date(2100, 1, 1))
        yield statement_document(told, statement, entries_in(session, statement))


def trial_balance_of(session, days=MONTH, language=Language.EN):
    return trial_balance_document(about(session, days, language), trial_balance(session, 1, days))


def general_ledger_of(session, days=MONTH, language=Language.EN):
    return general_ledger_document(about(session, days, language), general_ledger(session, 1, days))


def statement_of_clearing(session):
    one = find_account(session, 1, account_id(session, 1, clearing()))
    statement = statement_over(session, one, date(2000, 1, 1), date(2100, 1, 1))
    return statement_document(about(session), statement, entries_in(session, statement))


def table(report):
    lines = StringIO(b"".join(as_csv(report)).decode("utf-8-sig"), newline="")
    return list(csv.DictReader(lines))


def sheet(report):
    file = BytesIO()
    as_xlsx(report, file)
    return [[cell.value for cell in row] for row in load_workbook(file).active.iter_rows()]


def words(report) -> str:
    pages = PdfReader(BytesIO(as_pdf(report))).pages
    text = "".join(page.extract_text() for page in pages).replace("\u200b", "")
    return " ".join(text.split())


def exact(value) -> Decimal:
    return Decimal(f"{value or 0:.15g}") if not isinstance(value, str) else Decimal(value or 0)


def test_an_empty_book_makes_files_that_say_so_little(books):
    for write in (table, sheet, words):
        with snapshot(books) as session:
            found = [write(report) for report in documents(session)]
        assert len(found) == 2  # there is no account to make a statement of
        assert write is not table or found == [[], []]


def test_the_trial_balance_as_csv_adds_up_by_currency_and_names_every_account(full):
    with snapshot(full) as session:
        rows = table(trial_balance_of(session))
        turnovers = account_turnovers(session, 1, MONTH)
    assert len(rows) == len(turnovers)
    for currency in {row["Currency"] for row in rows}:
        sums = [
            sum(exact(row[name]) for row in rows if row["Currency"] == currency)
            for name in list(rows[0])[3:]
        ]
        assert sums[0::2] == sums[1::2]
        assert any(sums)
    opened = {row["Chart number"] for row in rows}
    assert {"1210 Payment provider clearing", "4010 Fees collected"} <= opened


def test_the_trial_balance_as_xlsx_has_sums_that_are_those_of_its_rows(full):
    with snapshot(full) as session:
        rows = sheet(trial_balance_of(session))
    of_number, of_currency, sums = [], [], []
    for row in rows:
        if str(row[0]).startswith("Total"):
            added_up = of_number if row[0] != "Total" else of_currency
            assert [exact(value) for value in row[2:8]] == [
                sum((exact(one[column]) for one in added_up), Decimal()) for column in range(2, 8)
            ]
            sums.append((row[0], row[1]))
            of_currency = of_currency if row[0] != "Total" else []
        elif row[1] in {"UZS", "EUR", "JPY", "KWD"}:
            of_number.append(row)
            of_currency.append(row)
        else:
            of_number = []
    assert sums == [
        *(("Total", "JPY"), ("Total", "KWD")),
        *(("Total 1210", "UZS"), ("Total 4010", "UZS"), ("Total", "UZS"), ("Total", "EUR")),
    ]


def test_the_general_ledger_as_csv_has_every_entry_once_and_no_sums(full):
    with snapshot(full) as session:
        rows = table(general_ledger_of(session))
        turnovers = account_turnovers(session, 1, MONTH)
    assert len(rows) == sum(one.turned.entries for one in turnovers)
    debits = sum(exact(row["Debit"]) for row in rows)
    assert debits == sum(one.debits.decimal for one in turnovers)
    assert debits == sum(exact(row["Credit"]) for row in rows)
    last = {row["Account"]: exact(row["Balance"]) for row in rows}
    local = next(
        one for one in turnovers if (one.account.label, one.currency) == ("4010 local", "UZS")
    )
    assert last["4010 local, UZS: Fees collected"] == local.closing.decimal
    assert {row["Journal"] for row in rows if row["Journal"]} >= {"charge c", "charge d"}


def test_the_general_ledger_as_xlsx_runs_from_each_opening_to_each_closing(full):
    with snapshot(full) as session:
        rows = sheet(general_ledger_of(session))
        closings = [one.closing.decimal for one in account_turnovers(session, 1, MONTH)]
    found, running, side = [], None, 1
    for row in rows:
        if row[0] and str(row[0]).startswith(("1110", "1210", "2", "4010")) and row[7] is None:
            side = 1 if str(row[0]).startswith("1") else -1
        if row[2] == "Opening balance":
            running = exact(row[7])
        elif row[2] == "Turnover, closing balance":
            assert exact(row[7]) == running
            found.append(running)
        elif running is not None and row[1] is not None:
            running += side * (exact(row[5]) - exact(row[6]))
            assert exact(row[7]) == running
    assert found == closings


def test_the_statement_begins_and_ends_with_its_balances(full):
    one = account(full, revenue())
    with snapshot(full) as session:
        found = find_account(session, 1, one.id)
        statement = statement_over(session, found, date(2000, 1, 1), date(2100, 1, 1))
        report = statement_document(about(session), statement, entries_in(session, statement))
        rows = sheet(report)
    opening = next(row for row in rows if row[3] == "Opening balance")
    closing = next(row for row in rows if row[3] == "Turnover, closing balance")
    entries = [row for row in rows if isinstance(row[0], int)]
    assert exact(opening[8]) == 0
    assert [row[0] for row in entries] == list(range(1, one.seq + 1))
    assert exact(closing[8]) == found.balance.decimal == exact(entries[-1][8])
    assert exact(closing[6]) == sum(exact(row[6]) for row in entries)
    assert exact(closing[7]) == sum(exact(row[7]) for row in entries)


@pytest.mark.parametrize("language", Language)
def test_a_report_says_whose_it_is_which_days_how_it_was_read_and_who_made_it(full, language):
    _ = translations(language).gettext
    with snapshot(full) as session:
        count = reading(session, 1).transfers
        for report in documents(session, language=language):
            text = words(report)
            assert "Gʻazna" in text
            assert "Dilnoza Rahimova" in text
            assert f"{count}" in text
            assert "2026" in text
    if language is Language.RU:
        assert "1 ноября 2026 года" in text
        assert "Прочитано в один момент" in text


@pytest.mark.parametrize("language", Language)
def test_the_figures_are_the_same_in_every_language(full, language):
    with snapshot(full) as session:
        english, other = (
            [list(row.values())[-6:] for row in table(trial_balance_of(session, language=spoken))]
            for spoken in (Language.EN, language)
        )
    assert english == other


def test_nothing_of_a_journal_s_document_but_its_name_is_in_a_file(full):
    with snapshot(full) as session:
        for report in documents(session):
            assert "Aziza" not in str(table(report))


def test_a_general_ledger_too_long_for_pdf_says_so(full, monkeypatch):
    monkeypatch.setattr("portal.documents.pdf.MOST_CELLS", 100)
    with pytest.raises(TooLongForPdf) as refusal, snapshot(full) as session:
        as_pdf(general_ledger_of(session))
    assert refusal.value.sentence() == "This report is too long for PDF. Take it as XLSX or CSV."


def many(books, count):
    """So many transfers, five thousand a call."""
    for start in range(0, count, 5_000):
        journals = [
            Journal(
                1,
                "test",
                f"{number}",
                JournalKind.PAYMENT_CONFIRMED,
                NEXT_DAY,
                [Transfer(clearing(), revenue(f"p{number % 40}"), UZS("10.01"))],
            )
            for number in range(start, min(start + 5_000, count))
        ]
        with books.transaction() as session:
            post(session, journals)


@pytest.mark.parametrize("make", [general_ledger_of, statement_of_clearing])
def test_memory_does_not_grow_with_the_entries(books, make):
    """Ten thousand here, as tracemalloc is slow; a hundred thousand were measured by hand."""
    posted(books, "first", MONTH.first, received("1"))

    def peak() -> tuple[int, int]:
        rows = 0
        with snapshot(books) as session:
            tracemalloc.start()
            for chunk in as_csv(make(session)):
                rows += chunk.count(b"\r\n")
            _, highest = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return rows, highest

    many(books, 2_000)
    few, low = peak()
    many(books, 10_000)
    all_of_them, high = peak()
    assert all_of_them > few + 7_999
    assert high < low + 300_000  # of some five million that the rows take
