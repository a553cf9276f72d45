"""A book as plain text: others can add it up again. A parser of thirty lines here re-adds both syntaxes.

hledger and beancount themselves are no dependency; `test_the_real_tools_agree` runs them where they are
on PATH.
"""

import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from foundation.database import Database
from ledger.accounts import open_book
from ledger.chart import AccountClass
from ledger.export import (
    FIRST_DAY,
    LAST_DAY,
    ROOTS,
    Beancount,
    Hledger,
    entries,
    export,
)
from ledger.reports.reading import Days, snapshot
from ledger.reports.trial_balance import account_turnovers
from tests.ledger.reports.world import HOSTILE, NEXT_DAY, NOVEMBER, OCTOBER, build, posted, received

ALL = Days(FIRST_DAY, LAST_DAY)
BOTH = pytest.mark.parametrize("syntax", [Hledger, Beancount])
ACCOUNT = r"(?:Assets|Liabilities|Income|Expenses):[0-9A-Z]+:[0-9][0-9A-Za-z-]*"
AMOUNT = r"(-?\d+(?:\.\d+)?)"
POSTING = re.compile(rf"\s+({ACCOUNT})  {AMOUNT} ([A-Z]{{3}})(?:  ; .*)?")
OPENED = re.compile(rf"(?:account|(\d{{4}}-\d\d-\d\d) open) ({ACCOUNT})(?: [A-Z]{{3}})?")
ASSERTED = re.compile(
    rf"\s+({ACCOUNT})  0(?:\.0+)? [A-Z]{{3}} = {AMOUNT} ([A-Z]{{3}})"
    rf"|(\d{{4}}-\d\d-\d\d) balance ({ACCOUNT})  {AMOUNT} ~ 0 ([A-Z]{{3}})"
)
HEAD = re.compile(r"(\d{4}-\d\d-\d\d) \* (.*)")
KEPT = re.compile(
    r"\s+; (?:posted-at|carried-from): \S+"
    r"|\s+(?:posted-at|carried-from|transfer|hold|reverses|name): \"[^\"\\]*\""
)
OPTION = re.compile(
    r'decimal-mark \.|commodity 1000\.0* [A-Z]{3}|option "operating_currency" "[A-Z]{3}"'
)


@dataclass
class Reread:
    """What another program makes of the file: it fails at a line that it does not understand."""

    opened: dict[str, date | None] = field(default_factory=dict)
    sums: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    asserted: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    heads: list[tuple[date, str]] = field(default_factory=list)
    first_use: dict[str, date] = field(default_factory=dict)

    def read(self, lines):
        unbalanced = defaultdict(Decimal)
        for line in lines:
            assert "\n" not in line
            if line.startswith(";") or OPTION.fullmatch(line) or KEPT.fullmatch(line):
                continue
            if found := ASSERTED.fullmatch(line):
                path, amount, currency = [part for part in found.groups()[-7:] if part][-3:]
                assert not unbalanced or not any(unbalanced.values())
                self.asserted[path, currency] = Decimal(amount)
            elif found := POSTING.fullmatch(line):
                path, amount, currency = found.groups()
                assert path in self.opened
                self.sums[path, currency] += Decimal(amount)
                unbalanced[currency] += Decimal(amount)
                self.first_use.setdefault(path, self.heads[-1][0])
                self.first_use[path] = min(self.first_use[path], self.heads[-1][0])
            elif found := OPENED.fullmatch(line):
                assert found[2] not in self.opened
                self.opened[found[2]] = date.fromisoformat(found[1]) if found[1] else None
            elif found := HEAD.fullmatch(line):
                self.heads.append((date.fromisoformat(found[1]), found[2]))
            else:
                assert line == "", line
                assert not any(unbalanced.values())
        assert not any(unbalanced.values())
        return self

    def holds(self):
        """Every account that moved is asserted, and has what is asserted."""
        assert set(self.sums) <= set(self.asserted)
        assert {key: self.sums.get(key, Decimal()) for key in self.asserted} == self.asserted
        for path, day in self.first_use.items():
            assert self.opened[path] is None or self.opened[path] <= day


@pytest.fixture
def books(empty: Database) -> Database:
    with empty.transaction() as session:
        open_book(session, 1)
        open_book(session, 2)
    return empty


@pytest.fixture
def full(books: Database) -> Database:
    build(books)
    return books


def lines_of(books, syntax, days=ALL, org_id=1):
    with snapshot(books) as session:
        return list(export(session, org_id, days, syntax()))


def test_every_class_of_account_has_its_root():
    assert set(ROOTS) == set(AccountClass)


@BOTH
def test_an_empty_book_is_a_file_without_a_transaction(books, syntax):
    again = Reread().read(lines_of(books, syntax))
    assert (again.heads, again.opened, again.asserted) == ([], {}, {})


@BOTH
def test_whatever_an_account_is_called_the_file_is_read_and_adds_up(full, syntax):
    again = Reread().read(lines_of(full, syntax))
    again.holds()
    names = len(HOSTILE) * 2
    assert (
        len([path for path in again.opened if path.startswith(("Assets:1210", "Income"))]) >= names
    )


@BOTH
def test_the_sums_are_those_of_the_trial_balance(full, syntax):
    again = Reread().read(lines_of(full, syntax))
    with snapshot(full) as session:
        wanted = {
            (one.account.id, one.currency): one.closing.decimal * one.account.normal_side
            for one in account_turnovers(session, 1, ALL)
        }
    assert {
        (int(path.split(":")[2].split("-")[0]), c): m for (path, c), m in again.sums.items()
    } == wanted


@BOTH
def test_a_part_begins_with_what_stood_before_and_ends_with_what_stands(full, syntax):
    again = Reread().read(lines_of(full, syntax, Days(NOVEMBER, NOVEMBER)))
    again.holds()
    assert again.heads[0] == (
        OCTOBER,
        '"opening balances"' if syntax is Beancount else "opening balances",
    )
    assert {day for day, _ in again.heads[1:]} == {NOVEMBER}
    of_all = Reread().read(lines_of(full, syntax, Days(FIRST_DAY, NOVEMBER)))
    assert {k: v for k, v in of_all.asserted.items() if v} == {
        k: v for k, v in again.asserted.items() if v
    }


@BOTH
def test_a_part_before_anything_happened_is_empty(full, syntax):
    again = Reread().read(lines_of(full, syntax, Days(FIRST_DAY, OCTOBER - timedelta(days=9))))
    assert (again.heads, again.sums) == ([], {})


@BOTH
def test_every_journal_is_a_transaction_on_its_day_under_its_key(full, syntax):
    again = Reread().read(lines_of(full, syntax))
    with full.transaction() as session:
        wanted = session.execute(
            text("SELECT DISTINCT effective, journal::text FROM ledger.transfer WHERE org_id = 1")
        ).all()
    key = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
    found = [(day, key.search(what)[0]) for day, what in again.heads if key.search(what)]
    assert sorted(found) == sorted(map(tuple, wanted))


@BOTH
def test_what_moved_nothing_is_only_told(full, syntax):
    told = [line for line in lines_of(full, syntax) if line.startswith("; ")]
    assert sum(line.endswith(": refused, INSUFFICIENT") for line in told) == 1
    assert sum(line.endswith(": moved nothing") for line in told) == 2
    holds = [line for line in told if line.startswith("; hold ")]
    assert len(holds) == 2
    assert [re.findall(r"[\d.]+ UZS from \w+", line)[0] for line in holds] == [
        "2.00 UZS from Income",
        "2.00 UZS from Liabilities",
    ]
    part = lines_of(full, syntax, Days(FIRST_DAY, NEXT_DAY))
    assert not [line for line in part if "hold " in line and line.startswith(";")]


@BOTH
def test_nothing_of_a_journal_s_document_is_in_the_file(full, syntax):
    everything = "\n".join(lines_of(full, syntax))
    for secret in ("Aziza", "10100007000000000178", "charge"):
        assert secret not in everything


@BOTH
def test_the_same_books_are_the_same_bytes(full, syntax):
    assert lines_of(full, syntax) == lines_of(full, syntax)


@BOTH
def test_another_book_is_not_in_the_file(full, syntax):
    posted(full, "x", NOVEMBER, received("77.77"), org_id=2)
    assert "77.77" not in "\n".join(lines_of(full, syntax))
    assert Reread().read(lines_of(full, syntax, org_id=2)).sums


@BOTH
def test_a_sum_that_was_changed_is_noticed(full, syntax):
    lines = [line.replace(" 10.07 UZS", " 10.08 UZS", 1) for line in lines_of(full, syntax)]
    with pytest.raises(AssertionError):
        Reread().read(lines).holds()


def test_the_entries_of_a_book_are_both_sides_of_every_transfer(full):
    with snapshot(full) as session:
        rows = list(entries(session, 1, ALL))
    assert [row.transfer for row in rows[0::2]] == [row.transfer for row in rows[1::2]]
    for debit, credit in zip(rows[0::2], rows[1::2], strict=True):
        assert debit.debit_minor == credit.credit_minor > 0


@pytest.mark.parametrize(
    ("syntax", "command"),
    [(Hledger, ["hledger", "check", "--strict", "-f"]), (Beancount, ["bean-check"])],
)
def test_the_real_tools_agree(full, tmp_path, syntax, command):
    program = shutil.which(command[0])
    if program is None:
        pytest.skip(f"no {command[0]} on PATH")
    for name, days in (("all", ALL), ("part", Days(NOVEMBER, NEXT_DAY))):
        file = tmp_path / f"{name}.{'beancount' if syntax is Beancount else 'journal'}"
        file.write_text("".join(f"{line}\n" for line in lines_of(full, syntax, days)))
        done = subprocess.run([program, *command[1:], file], capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
