import tempfile
import tracemalloc
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from ledger.money import UZS, Money
from portal.documents import xlsx
from portal.documents.report import Column, Section
from portal.documents.xlsx import TooLongForXlsx, as_xlsx
from portal.languages import Language
from tests.portal.documents.reports import HOSTILE, WORDS, hostile, monthly, report


def written(value) -> bytes:
    file = BytesIO()
    as_xlsx(value, file)
    return file.getvalue()


def read(value):
    return load_workbook(BytesIO(written(value))).active


def column_of(values, *, language=Language.UZ):
    sheet = read(report([(value,) for value in values], columns=[Column("x")], language=language))
    return [row[0] for row in sheet.iter_rows(min_row=4, max_row=3 + len(values))]


def texts(sheet) -> list[str]:
    return [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]


def test_no_cell_is_a_formula_or_a_link_whatever_people_type():
    file = written(hostile())
    with zipfile.ZipFile(BytesIO(file)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
        assert not [name for name in parts.namelist() if "externalLink" in name]
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet.lower().replace("=hyperlink(", "")
    for row in load_workbook(BytesIO(file)).active.iter_rows():
        assert {cell.data_type for cell in row if cell.value is not None} <= {"s", "inlineStr"}


def test_a_text_comes_back_as_it_was_typed_but_for_what_cannot_be_seen():
    values = [cell.value for cell in column_of(HOSTILE)]
    assert values[0] == HOSTILE[0]
    assert values[3] == "\ufffd\ufffd\ufffd[2J NUL"
    assert values[4] == "half \ufffd of a pair \ufffd"
    assert unescape(values[7]) == HOSTILE[7]  # Excel reads _x005F_ as an underscore
    assert values[9] == HOSTILE[9]


def test_a_text_longer_than_a_cell_ends_with_a_sign():
    (cell,) = column_of(["😀" * 40_000])
    assert cell.value.endswith("…")
    assert len(cell.value.encode("utf-16-le")) // 2 <= 32_767


def test_money_is_a_number_with_the_decimals_of_its_currency():
    amounts = [UZS("-1250000.05"), Money(1_500, "JPY"), Money(0, "UZS")]
    cells = column_of(amounts)
    assert [cell.value for cell in cells] == [-1250000.05, 1500, 0]
    assert [cell.number_format for cell in cells] == ["#,##0.00", "#,##0", "#,##0.00"]


def test_an_amount_that_excel_would_round_is_a_text():
    (shown, rounded, negative) = column_of(
        [Money(10**15 - 1, "UZS"), Money(10**15 + 1, "UZS"), Money(-(2**53) - 1, "UZS")]
    )
    assert Decimal(repr(shown.value)) == Decimal("9999999999999.99")
    assert rounded.value == "10000000000000.01"
    assert negative.value == "-90071992547409.93"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=1, max_size=200))
def test_every_amount_written_as_a_number_comes_back_to_the_last_minor_unit(minors):
    values = [cell.value for cell in column_of([Money(minor, "UZS") for minor in minors])]
    as_excel_shows = [Decimal(f"{value:.15g}") for value in values]
    assert as_excel_shows == [Decimal(minor).scaleb(-2) for minor in minors]


@pytest.mark.parametrize(
    ("language", "pattern"), [(Language.UZ, "dd.mm.yyyy"), (Language.EN, "yyyy-mm-dd")]
)
def test_dates_are_dates_and_instants_are_told_in_tashkent(language, pattern):
    day, instant, before = column_of(
        [date(2026, 3, 12), datetime(2026, 3, 12, 20, 5, tzinfo=UTC), date(1899, 12, 31)],
        language=language,
    )
    assert (day.value, day.number_format) == (datetime(2026, 3, 12), pattern)  # noqa: DTZ001
    assert instant.value == datetime(2026, 3, 13, 1, 5)  # noqa: DTZ001 - a sheet knows no zone
    assert instant.number_format == f"{pattern} hh:mm"
    assert before.value == "1899-12-31"


@pytest.mark.parametrize("language", Language)
def test_the_report_reads_in_each_language(language):
    title, name, total = WORDS[language]
    sheet = read(monthly(language))
    found = texts(sheet)
    assert found[:3] == [title, name, "UZS"]
    assert found.count(total) == 2
    assert {f"10 {name}", f"20 {name}", f"{name}, 2026"} <= set(found)
    assert found.count(3_750_000.15) == 2


def test_the_head_stays_in_sight_and_is_printed_on_each_page():
    sheet = read(monthly(Language.UZ))
    assert sheet.freeze_panes == "A6"
    assert sheet.print_title_rows == "$5:$5"
    assert [cell.value for cell in sheet[5]] == ["Sana", "Mazmun", "Summa"]
    assert (sheet.page_setup.paperSize, sheet.page_setup.fitToHeight) == (9, 0)
    assert sheet.oddFooter.right.text == "&P / &N"


def test_columns_are_as_wide_as_what_stands_in_them():
    rows = [("1", "x" * 300, UZS("1234567890123.45"))]
    widths = [column.width for column in read(report(rows)).column_dimensions.values()]
    assert widths[0] < 12
    assert 55 < widths[1] < 65
    assert widths[2] >= len("1 234 567 890 123,45")


def test_a_sheet_of_many_columns_is_printed_across():
    columns = [Column(f"{number}", figures=True) for number in range(7)]
    assert read(report([], columns=columns)).page_setup.orientation == "landscape"


def test_the_same_report_is_the_same_bytes():
    assert written(monthly(Language.RU)) == written(monthly(Language.RU))


def test_a_report_longer_than_a_sheet_is_refused_and_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(xlsx, "MOST_ROWS", 10)
    with pytest.raises(TooLongForXlsx) as refusal:
        written(report([("", "", number) for number in range(8)]))
    assert "CSV" in refusal.value.sentence()
    assert not list(tmp_path.iterdir())


def test_the_last_row_of_a_sheet_may_be_used(monkeypatch):
    monkeypatch.setattr(xlsx, "MOST_ROWS", 11)
    assert read(report([("", "", number) for number in range(8)])).max_row == 11


def test_memory_does_not_grow_with_the_rows():
    def peak(rows: int) -> int:
        tracemalloc.start()
        with tempfile.TemporaryFile() as file:
            lines = (("", f"row {number}", number) for number in range(rows))
            as_xlsx(report((), sections=[Section("", lines)]), file)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(4_000) < peak(500) + 100_000
