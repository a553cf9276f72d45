"""The trial balance over days: openings, turnovers and closings, on both axes of time."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ledger.balances import trial_balance as of_today
from ledger.books import prove
from ledger.journals import Transfer
from ledger.money import UZS, Money
from ledger.reports.reading import Days, Reading, reading, snapshot
from ledger.reports.trial_balance import Figures, account_turnovers, trial_balance, turnover_of
from tests.ledger.reports.world import (
    ALL_TIME,
    CREDIT,
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


def columns(books, days, org_id=1):
    """Label of each account -> its six figures; nothing is an empty text."""
    with snapshot(books) as session:
        return {
            one.account.label: tuple(str(m.decimal) if m.minor else "" for m in one.figures.columns)
            for one in account_turnovers(session, org_id, days)
        }


def test_a_book_without_entries_has_an_empty_trial_balance(books):
    with snapshot(books) as session:
        assert trial_balance(session, 1, MONTH) == []
        assert reading(session, 1) == Reading(0, 0)


def test_another_books_entries_are_not_in_it(books):
    posted(books, "a", NOVEMBER, received("5"), org_id=2)
    assert columns(books, MONTH) == {}
    assert set(columns(books, MONTH, 2)) == {"1210 stripe", "4010 local"}


def test_an_account_that_only_a_refused_journal_named_is_not_in_it(books):
    posted(books, "a", NOVEMBER, Transfer(CREDIT, clearing(), UZS("5")))
    assert columns(books, MONTH) == {}


def test_an_entry_after_the_last_day_is_not_in_it(books):
    posted(books, "a", NEXT_DAY, received("5"))
    assert columns(books, Days(NOVEMBER, NOVEMBER)) == {}


def test_what_stood_before_moved_in_and_stands_after_add_up(books):
    posted(books, "a", OCTOBER, received("70"))
    posted(books, "b", NOVEMBER, received("30"))
    posted(books, "c", NEXT_DAY, Transfer(revenue(), clearing(), UZS("130")))

    assert columns(books, MONTH) == {
        "1210 stripe": ("70.00", "", "30.00", "130.00", "", "30.00"),
        "4010 local": ("", "70.00", "130.00", "30.00", "30.00", ""),
    }
    assert columns(books, Days(NEXT_DAY, NEXT_DAY))["1210 stripe"] == (
        *("100.00", "", "", "130.00", "", "30.00"),
    )


def test_a_balance_on_the_wrong_side_stands_where_it_is_and_the_sums_hold(full):
    with snapshot(full) as session:
        parts = trial_balance(session, 1, MONTH)
    assert [part.currency for part in parts] == ["JPY", "KWD", "UZS", "EUR"]  # by ISO number
    for part in parts:
        assert part.total.balanced
        rows = [one.figures for number in part.numbers for one in number.accounts]
        assert Figures.added(rows, part.currency) == part.total
        for number in part.numbers:
            assert {one.account.number for one in number.accounts} == {number.number}
            assert (
                Figures.added([o.figures for o in number.accounts], part.currency) == number.total
            )


def test_closings_are_the_openings_of_the_next_day(full):
    with snapshot(full) as session:
        before = account_turnovers(session, 1, Days(date(2000, 1, 1), NOVEMBER))
        after = account_turnovers(session, 1, Days(NEXT_DAY, NEXT_DAY))
    openings = {one.account.id: one.opening for one in after}
    for one in before:
        assert openings.get(one.account.id, Money(0, one.currency)) == one.closing


def test_over_all_days_it_is_what_the_accounts_have(full):
    with snapshot(full) as session:
        found = {one.account.id: one for one in account_turnovers(session, 1, ALL_TIME)}
        for line in of_today(session, 1):
            one = found.get(line.account.id)
            assert (one.debits if one else line.debits) == line.debits
            assert (one.credits if one else line.credits) == line.credits
            assert (one.closing if one else Money(0, line.debits.currency)) == line.account.balance
        assert all(check.holds for check in prove(session))


def test_what_was_written_later_for_these_days_is_not_known_earlier(books):
    posted(books, "a", NOVEMBER, received("70"))
    closed_at = written_until_now(books)
    posted(books, "late", OCTOBER, received("1"))

    then = Days(MONTH.first, MONTH.last, closed_at)
    assert columns(books, then)["1210 stripe"] == ("", "", "70.00", "", "70.00", "")
    assert columns(books, MONTH)["1210 stripe"] == ("1.00", "", "70.00", "", "71.00", "")
    long_ago = Days(MONTH.first, MONTH.last, closed_at - timedelta(days=9))
    assert columns(books, long_ago) == {}


def test_a_turnover_may_be_larger_than_any_balance(books):
    most = 10**15
    for number in range(3):
        there = Transfer(clearing(), revenue(), Money(most, "UZS"))
        back = Transfer(revenue(), clearing(), Money(most, "UZS"))
        posted(books, f"n{number}", NOVEMBER, *[there, back] * 2_000)
    with snapshot(books) as session:
        one, _ = account_turnovers(session, 1, MONTH)
    assert one.debits.minor == 6_000 * most > 2**62
    assert one.closing.minor == 0


def test_an_account_with_nothing_to_say_can_still_be_asked_for(full):
    silent = account(full, clearing("nobody"))
    with snapshot(full) as session:
        assert turnover_of(session, silent, MONTH).closing == UZS("0")
        assert turnover_of(session, account(full, clearing()), MONTH).turned.entries > 0


def test_all_of_a_report_is_of_one_moment(books):
    posted(books, "a", NOVEMBER, received("70"))
    with snapshot(books) as session:
        before = reading(session, 1)
        writer = threading.Thread(target=posted, args=(books, "b", NOVEMBER, received("5")))
        writer.start()
        writer.join()
        assert reading(session, 1) == before
        assert account_turnovers(session, 1, MONTH)[0].debits == UZS("70.00")
    with snapshot(books) as session:
        assert reading(session, 1).transfers == before.transfers + 1


def test_nothing_can_be_written_in_a_snapshot(books):
    with pytest.raises(DBAPIError, match="read-only"), snapshot(books) as session:
        session.execute(text("SELECT ledger.open_book(9)"))


def test_a_snapshot_ends_a_query_that_takes_too_long(books):
    with pytest.raises(DBAPIError, match="timeout"), snapshot(books, timeout_seconds=1) as session:
        session.execute(text("SELECT pg_sleep(5)"))
