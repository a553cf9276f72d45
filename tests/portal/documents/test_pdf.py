import re
from collections import Counter
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from ledger.money import UZS, Money
from portal.documents import pdf
from portal.documents.pdf import TooLongForPdf, TypesettingFailed, as_pdf, shown
from portal.documents.report import Column, Section
from portal.languages import Language
from tests.portal.documents.reports import WORDS, hostile, monthly, report

A4 = (595, 842)


def read(value) -> PdfReader:
    return PdfReader(BytesIO(as_pdf(value)))


def text_of(document: PdfReader) -> str:
    """The words of every page; what a line break or a break within a word was is a space or nothing."""
    text = " ".join(page.extract_text() for page in document.pages)
    return re.sub(r"\s+", " ", text.replace("\u200b", ""))


def tags(document: PdfReader) -> Counter:
    """How often each tag stands in the tree that a screen reader follows."""
    found: Counter = Counter()
    waiting = [document.trailer["/Root"]["/StructTreeRoot"]]
    while waiting:
        node = waiting.pop().get_object()
        if not isinstance(node, dict):
            continue
        found[node.get("/S")] += 1
        children = node.get("/K", ())
        waiting.extend(children if isinstance(children, list) else [children])
    return found


def test_what_people_type_is_shown_and_never_run():
    text = text_of(read(hostile()))
    assert "#panic() $x$ *b* _i_ `r` <l> @ref \\ [x] //" in text
    assert '=HYPERLINK("http://evil.example","pay")' in text
    assert "half \ufffd of a pair \ufffd" in text
    assert "turned around" in text
    assert "two lines and more" in text
    assert "é й" in text  # marks are composed with their letters


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(), max_size=60), min_size=3, max_size=12))
def test_no_letter_of_any_script_stops_a_report(texts):
    columns = [Column(texts[0]), Column(texts[1], figures=True)]
    sections = [Section(texts[2], [(text, text) for text in texts])]
    assert read(report((), columns=columns, sections=sections, title=texts[0], notes=texts)).pages


@pytest.mark.parametrize("language", Language)
def test_the_report_reads_in_each_language(language):
    title, name, total = WORDS[language]
    document = read(monthly(language))
    text = text_of(document)
    assert text.startswith(f"{title} {name} UZS")
    for words in (f"10 {name}", f"20 {name}", f"{name}, 2026", total, "1 / 1"):
        assert words in text
    sums = {Language.EN: "3,750,000.15"}.get(language, "3 750 000,15")
    assert text.count(sums) == 2
    assert document.metadata.title == title


@pytest.mark.parametrize("language", Language)
def test_a_screen_reader_is_told_the_language_the_headings_and_the_table(language):
    document = read(monthly(language))
    root = document.trailer["/Root"]
    assert root["/Lang"] == language.partition("-")[0]
    assert root["/MarkInfo"]["/Marked"]
    assert "<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data().decode()
    found = tags(document)
    assert (found["/H1"], found["/H2"], found["/Table"]) == (1, 2, 1)
    assert found["/TH"] == 3 + 2  # the columns' heads and the sections' headings
    assert found["/TD"] == 2 * (3 + 1) * 3


def test_each_page_has_the_head_its_number_and_the_section_that_goes_on():
    pages = [page.extract_text() for page in read(monthly(Language.UZ, lines=90)).pages]
    _, name, _ = WORDS[Language.UZ]
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
        assert re.search(r"Sana\s+Mazmun\s+Summa", page)
    assert len(pages) > 3
    assert pages[1].startswith("Oylik hisobot")
    assert f"10 {name}" in pages[1].splitlines()[0] + pages[1].splitlines()[1]


def test_a_section_can_be_found_by_the_bookmarks():
    first, second = read(monthly(Language.RU, lines=90)).outline[1]
    _, name, _ = WORDS[Language.RU]
    assert (first.title, second.title) == (f"10 {name}", f"20 {name}")


def test_no_figure_is_ever_broken_or_cut():
    columns = [Column("Hisob"), *(Column("Qoldiq", figures=True) for _ in range(11))]
    amount = Money(-(10**18) + 1, "UZS")
    document = read(report([("1010", *[amount] * 11)], columns=columns))
    assert text_of(document).count("−9 999 999 999 999 999,99") == 11
    assert tuple(map(round, document.pages[0].mediabox.upper_right)) == A4[::-1]


def test_few_columns_stand_upright():
    document = read(monthly(Language.UZ))
    assert tuple(map(round, document.pages[0].mediabox.upper_right)) == A4


def test_the_same_report_is_the_same_bytes():
    assert as_pdf(monthly(Language.UZ_CYRL)) == as_pdf(monthly(Language.UZ_CYRL))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, ""),
        (UZS("-1250000.05"), "−1 250 000,05"),
        (Decimal("12650.4300"), "12 650,4300"),
        (12_345, "12 345"),
        ("9" * 20, "9" * 20),
    ],
)
def test_cells_are_written_as_on_the_pages(cell, words):
    assert shown(cell, Language.RU).replace("\u00a0", " ") == words


def test_a_report_too_long_is_refused_before_its_last_row_is_read():
    seen = []
    rows = (seen.append(number) or ("", "", number) for number in range(10**9))
    with pytest.raises(TooLongForPdf) as refusal:
        as_pdf(report((), sections=[Section("", rows)]))
    assert len(seen) <= pdf.MOST_CELLS // 3 + 1
    assert {"XLSX", "CSV"} <= set(re.findall(r"[A-Z]{3,}", refusal.value.sentence()))


@pytest.mark.parametrize(
    "sections",
    [
        [Section("", [("x" * 500, "", "")] * 9_000)],
        (Section(f"{number}") for number in range(10**9)),
    ],
)
def test_a_report_of_endless_words_or_sections_is_refused_too(sections):
    with pytest.raises(TooLongForPdf):
        as_pdf(report((), sections=sections))


def test_a_typesetter_that_fails_is_a_fault_with_its_reason(monkeypatch):
    monkeypatch.setattr(pdf, "TYPESETTER", Path("nowhere.py"))
    with pytest.raises(TypesettingFailed, match=r"nowhere\.py"):
        as_pdf(report([]))


def test_a_report_without_rows_has_its_head():
    assert "Summa" in text_of(read(report([])))
