import re
from io import BytesIO

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from portal.documents.csv import as_csv
from portal.documents.download import FileFormat, disposition, download
from portal.documents.pdf import as_pdf
from portal.documents.report import Section
from portal.languages import Language
from tests.portal.documents.reports import monthly, report


@pytest.fixture
def door() -> TestClient:
    app = FastAPI()

    @app.get("/{lines}/{name}.{format}")
    def file(lines: int, name: str, format: FileFormat):
        return download(monthly(Language.RU, lines=lines), format, name)

    return TestClient(app)


@pytest.mark.parametrize("format", FileFormat)
def test_a_report_comes_as_a_file_that_is_kept_by_nobody_else(door, format):
    answer = door.get(f"/3/oborotka-2026-03.{format}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(format.media_type)
    assert answer.headers["Content-Language"] == "ru"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert f'filename="oborotka-2026-03.{format}"' in answer.headers["Content-Disposition"]


def test_the_file_is_the_report(door):
    russian = monthly(Language.RU)
    assert door.get("/3/a.csv").content == b"".join(as_csv(russian))
    assert door.get("/3/a.pdf").content == as_pdf(monthly(Language.RU))
    sheet = load_workbook(BytesIO(door.get("/3/a.xlsx").content)).active
    assert sheet["A1"].value == russian.title


def test_a_file_larger_than_memory_allows_comes_whole(door, monkeypatch):
    monkeypatch.setattr("portal.documents.download.MEMORY_BYTES", 10)
    sheet = load_workbook(BytesIO(door.get("/500/a.xlsx").content)).active
    assert sheet.max_row > 1_000


@pytest.mark.parametrize("format", FileFormat)
def test_what_fails_at_its_first_rows_fails_before_the_answer_begins(format):
    broken = (1 // 0 for _ in range(3))
    with pytest.raises(ZeroDivisionError):
        download(report((), sections=[Section("", broken)]), format, "x")


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("trial-balance_2026.03", "trial-balance_2026.03", "trial-balance_2026.03"),
        ('a"b\r\nSet-Cookie: x', "a-b-Set-Cookie-x", "a-b-Set-Cookie-x"),
        ("../../etc/passwd", "etc-passwd", "etc-passwd"),
        ("..\\C:\\con?*", "C-con", "C-con"),
        ("отчёт 2026", "2026", "%D0%BE%D1%82%D1%87%D1%91%D1%82-2026"),
        ("\u202exslx\ud800", "xslx", "xslx"),
        ("é", "e", "%C3%A9"),
        ("", "report", "report"),
        ("-.-", "report", "report"),
    ],
)
def test_a_hostile_name_is_a_safe_one(name, plain, encoded):
    found = disposition(name, FileFormat.CSV)
    assert found == f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{encoded}.csv"


def test_an_endless_name_has_an_end():
    found = disposition("отчёт" * 1_000, FileFormat.PDF)
    assert len(found) < 1_000
    assert re.fullmatch(r"[ -~]+", found)
