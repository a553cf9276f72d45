"""The general ledger: entries by day of effect, each account between its opening and its closing."""

from datetime import date
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ledger.journals import Transfer
from ledger.money import UZS, Money
from ledger.reports import general_ledger as module
from ledger.reports.general_ledger import Place, entries_of, general_ledger
from ledger.reports.reading import Days, snapshot
from ledger.reports.trial_balance import account_turnovers, turnover_of
from tests.ledger.reports.world import (
    ALL_TIME,
    MONTH,
    NEXT_DAY,
    NOVEMBER,
    OCTOBER,
    account,
    clearing,
    posted,
    received,
    revenue,
    written_until_now,
)


def whole(books, days, org_id=1):
    """Every account with its entries, read to the end."""
    with snapshot(books) as session:
        return [(turnover, list(rows)) for turnover, rows in general_ledger(session, org_id, days)]


def ids(turnovers):
    return [(turnover.account.id, turnover.turned) for turnover in turnovers]


def shown(entries):
    return [
        (str(e.effective), str(e.debit or ""), str(e.credit or ""), str(e.balance)) for e in entries
    ]


def test_a_book_without_entries_has_none(books):
    assert whole(books, MONTH) == []


def test_an_entry_that_was_written_late_stands_on_its_own_day(books):
    posted(books, "first", NEXT_DAY, received("5"))
    posted(books, "late", NOVEMBER, received("3"))
    posted(books, "before", OCTOBER, received("1"))

    (turnover, entries), _ = whole(books, MONTH)
    assert turnover.opening == UZS("1.00")
    assert shown(entries) == [
        ("2026-11-01", "3.00 UZS", "", "4.00 UZS"),
        ("2026-11-02", "5.00 UZS", "", "9.00 UZS"),
    ]
    assert [entry.seq for entry in entries] == [2, 1]
    assert entries[-1].balance == turnover.closing


def test_what_was_written_later_is_not_known_earlier(books):
    posted(books, "first", NEXT_DAY, received("5"))
    then = Days(MONTH.first, MONTH.last, written_until_now(books))
    posted(books, "late", NOVEMBER, received("3"))

    (_, entries), _ = whole(books, then)
    assert shown(entries) == [("2026-11-02", "5.00 UZS", "", "5.00 UZS")]


def test_an_entry_says_its_other_account_and_what_its_journal_is_called(books):
    posted(books, "0192:settled", NOVEMBER, received("5"))
    (_, (entry,)), _ = whole(books, MONTH)
    assert (entry.other_number, entry.other_name) == ("4010", "local")
    assert entry.journal == "charge 0192:settled"


def test_an_erased_document_leaves_an_entry_without_a_name(books):
    posted(books, "0192:settled", NOVEMBER, received("5"))
    with books.transaction() as session:
        session.execute(text("SELECT ledger.erase_doc(org_id, journal) FROM ledger.journal_doc"))
    (_, (entry,)), _ = whole(books, MONTH)
    assert (entry.journal, entry.debit) == ("", UZS("5.00"))


def test_an_account_that_stood_still_is_there_without_entries(books):
    posted(books, "before", OCTOBER, received("1", to="aside"))
    posted(books, "now", NOVEMBER, received("2"))
    found = {turnover.account.name: (turnover, len(rows)) for turnover, rows in whole(books, MONTH)}
    assert {name: count for name, (_, count) in found.items()} == {
        "stripe": 1,
        "aside": 0,
        "local": 1,
    }
    assert found["aside"][0].closing == UZS("1.00")


def test_accounts_are_those_of_the_trial_balance_and_their_entries_add_up(full):
    found = whole(full, MONTH)
    with snapshot(full) as session:
        assert ids(turnover for turnover, _ in found) == ids(account_turnovers(session, 1, MONTH))
    for turnover, entries in found:
        assert len(entries) == turnover.turned.entries
        balance = turnover.opening.minor
        for entry in entries:
            moved = (entry.debit.minor if entry.debit else 0) - (
                entry.credit.minor if entry.credit else 0
            )
            balance += moved * turnover.account.normal_side
            assert entry.balance.minor == balance
        assert balance == turnover.closing.minor
        assert sum(e.debit.minor for e in entries if e.debit) == turnover.turned.debits_minor
        assert sum(e.credit.minor for e in entries if e.credit) == turnover.turned.credits_minor


def test_an_account_whose_entries_nobody_reads_does_not_stop_the_next(full):
    with snapshot(full) as session:
        skipped = ids(turnover for turnover, _ in general_ledger(session, 1, MONTH))
    assert skipped == ids(turnover for turnover, _ in whole(full, MONTH))


def test_an_entry_for_a_far_day_is_found_on_it(books):
    far = date(2027, 11, 21)
    posted(books, "far", far, received("5"))
    (_, (entry,)), _ = whole(books, Days(far, far))
    assert entry.effective == far


def test_pages_of_an_account_follow_each_other_without_gap_or_repeat(full, monkeypatch):
    monkeypatch.setattr(module, "ENTRIES_OF_A_PAGE", 3)
    key = account(full, revenue())
    with snapshot(full) as session:
        turnover = turnover_of(session, key, ALL_TIME)
        found, place = [], None
        while page := entries_of(session, turnover, ALL_TIME, place):
            assert len(page) <= 3
            found += page
            place = Place(page[-1].effective, page[-1].seq)
    of_all = next(rows for one, rows in whole(full, ALL_TIME) if one.account.id == key.id)
    assert found == of_all
    assert len(found) > 6


STORIES = count()  # they share a book; each has accounts of its own
DAYS_OF_NOVEMBER = st.integers(1, 9).map(lambda day: date(2026, 11, day))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(DAYS_OF_NOVEMBER, st.integers(1, 999), st.booleans()), max_size=12))
def test_whatever_day_entries_are_meant_for_the_balance_of_each_is_that_of_its_day(books, story):
    name = f"story {next(STORIES)}"
    before = {}
    for number, (day, minor, back) in enumerate(story):
        ways = (clearing(name), revenue(name))
        line = Transfer(*(reversed(ways) if back else ways), Money(minor, "UZS"))
        posted(books, f"{name}:{number}", day, line, org_id=2)
        before[day] = before.get(day, 0) + (-minor if back else minor)
    entries = [
        entry
        for turnover, rows in whole(books, MONTH, 2)
        for entry in rows
        if (turnover.account.number, turnover.account.name) == ("1210", name)
    ]
    last_of_day = {entry.effective: entry.balance.minor for entry in entries}
    running = 0
    for day in sorted(before):
        running += before[day]
        assert last_of_day[day] == running
