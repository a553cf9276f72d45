import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest

from ledger.money import UZS, Money
from portal.documents.csv import CHUNK_CHARACTERS, as_csv
from portal.documents.report import Column, Section
from portal.languages import Language
from tests.portal.documents.reports import HOSTILE, hostile, monthly, report


def read(written) -> list[list[str]]:
    text = b"".join(as_csv(written)).decode("utf-8-sig")
    return list(csv.reader(StringIO(text, newline=""), strict=True))


def cell(value) -> str:
    return read(report([(value,)], columns=[Column("x")]))[1][0]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("=1+1", "'=1+1"),
        ("+998712001234", "'+998712001234"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", " '=1"),
        ("\r\n =1", "   '=1"),
        ("\u200b=1", "'=1"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),  # an Excel set to Russian splits here
        ("a, -1|@x", "a, '-1|'@x"),
        ("a=1", "a=1"),
        ("10-b", "10-b"),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_is_kept_from_it(typed, kept):
    assert cell(typed) == kept


def test_a_negative_amount_is_a_number_and_stays_one():
    assert cell(UZS("-1250000.05")) == "-1250000.05"


def test_whatever_people_type_comes_back_in_its_own_row_and_column():
    rows = read(hostile())
    assert [len(row) for row in rows] == [3] * (len(HOSTILE) + 1)
    assert rows[4] == ["\ufffd\ufffd\ufffd[2J NUL"] * 3


def test_quotes_commas_and_semicolons_are_not_separators():
    assert cell('a "b", c; d') == 'a "b", c; d'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (date(2026, 3, 12), "2026-03-12"),
        (datetime(2026, 3, 12, 20, 5, tzinfo=UTC), "2026-03-13T01:05:00+05:00"),
        (Money(5, "UZS"), "0.05"),
        (Money(10**18 + 1, "UZS"), "10000000000000000.01"),
        (Money(1_500, "JPY"), "1500"),
        (Decimal("12650.4300"), "12650.4300"),
        (Decimal("1E+3"), "1000"),
        (12_345, "12345"),
    ],
)
def test_figures_and_dates_are_written_for_programs(value, written):
    assert cell(value) == written


@pytest.mark.parametrize("language", Language)
def test_rows_carry_their_section_and_nothing_is_counted_twice(language):
    head, *rows = read(monthly(language))
    assert len(head) == 4
    assert [row[0][:2] for row in rows] == ["10"] * 3 + ["20"] * 3
    assert sum(Decimal(row[-1]) for row in rows) == 6 * Decimal("1250000.05")


def test_excel_is_told_that_it_is_utf_8():
    assert next(as_csv(report([]))).startswith(b"\xef\xbb\xbfSana,Mazmun,Summa\r\n")


def test_a_long_report_leaves_while_its_rows_are_still_read():
    read_rows = []
    rows = (read_rows.append(number) or ("", "x" * 90, number) for number in range(20_000))
    chunks = as_csv(report((), sections=[Section("", rows)]))
    first = next(chunks)
    assert len(read_rows) < 1_000
    sizes = [len(first), *map(len, chunks)]
    assert max(sizes) < CHUNK_CHARACTERS + 1_000
    assert len(read_rows) == 20_000
