"""`mizon export`, as it is typed: the whole output, and refusals in one sentence."""

import csv
from io import StringIO

import pytest

from service.cli import main
from tests.ledger.reports.world import NOVEMBER, build, posted, received


@pytest.fixture
def run(db, owner_url, monkeypatch, capfdbinary):
    """Type a command; its exit code and what it wrote."""
    build(db)
    monkeypatch.setenv("MIZON_DATABASE_URL", owner_url)

    def typed(*words):
        code = main(["export", *words])
        written = capfdbinary.readouterr()
        return code, written.out.decode(), written.err.decode()

    return typed


@pytest.mark.parametrize("format", ["hledger", "beancount"])
def test_a_book_leaves_as_text_that_ends_with_its_balances(run, format):
    code, out, err = run(format, "--book", "1")
    assert (code, err) == (0, "")
    assert out.startswith("; The books of organisation 1:")
    assert "Assets:1210:" in out
    assert run(format, "--book", "1")[1] == out


def test_a_range_is_what_was_asked_for(run):
    _, out, _ = run("hledger", "--book", "1", "--from", "2026-11-01", "--to", "2026-11-01")
    assert "; From 2026-11-01 to 2026-11-01." in out
    assert {line[:10] for line in out.splitlines() if line[:2] == "20"} == {
        "2026-10-31",
        "2026-11-01",
    }


def test_the_csv_has_both_sides_of_every_transfer(run, db):
    posted(db, "other book", NOVEMBER, received("77.77"), org_id=2)
    code, out, _ = run("csv", "--book", "1")
    rows = list(csv.DictReader(StringIO(out.removeprefix("\ufeff"), newline="")))
    assert code == 0
    assert [row["transfer"] for row in rows[0::2]] == [row["transfer"] for row in rows[1::2]]
    assert [row["debit"] for row in rows[0::2]] == [row["credit"] for row in rows[1::2]]
    assert "77.77" not in out
    assert "Aziza" not in out
    assert not [row for row in rows if row["name"].startswith("=")]


def test_a_book_that_is_not_there_is_refused(run):
    code, out, err = run("hledger", "--book", "99")
    assert (code, out) == (2, "")
    assert "There is no such organisation." in err


def test_days_the_wrong_way_round_are_refused(run):
    code, out, err = run("beancount", "--book", "1", "--from", "2026-11-02", "--to", "2026-11-01")
    assert (code, out) == (2, "")
    assert "The last day is before the first." in err


@pytest.mark.parametrize(
    "words",
    [
        ("excel", "--book", "1"),
        ("hledger",),
        ("hledger", "--book", "one"),
        ("hledger", "--book", "1", "--from", "yesterday"),
    ],
)
def test_what_cannot_be_meant_is_not_begun(run, words):
    with pytest.raises(SystemExit) as left:
        run(*words)
    assert left.value.code == 2
