"""An account's statement: in the order of writing, over days of writing, by sequence."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from foundation.clock import business_date
from ledger.accounts import Account
from ledger.money import UZS
from ledger.reports import statements
from ledger.reports.reading import snapshot
from ledger.reports.statements import entries_in, statement_over
from tests.ledger.reports.world import (
    NEXT_DAY,
    NOVEMBER,
    OCTOBER,
    account,
    clearing,
    posted,
    received,
    written_until_now,
)
from tests.superuser import as_superuser

LONG_AGO, FAR_AWAY = date(2000, 1, 1), date(2100, 1, 1)


def read(books, key, first=LONG_AGO, last=FAR_AWAY):
    found = account(books, key)
    with snapshot(books) as session:
        statement = statement_over(session, found, first, last)
        return statement, list(entries_in(session, statement))


def test_an_account_that_never_moved_has_an_empty_statement(books):
    statement, entries = read(books, clearing())
    assert entries == []
    assert statement.opening == statement.debits == statement.closing == UZS("0")


def test_entries_stand_in_the_order_of_writing_with_the_balance_each_left(books):
    posted(books, "a", NEXT_DAY, received("5"))
    posted(books, "late", OCTOBER, received("3"))
    statement, entries = read(books, clearing())
    assert [(entry.seq, entry.effective) for entry in entries] == [(1, NEXT_DAY), (2, OCTOBER)]
    assert [entry.balance for entry in entries] == [UZS("5.00"), UZS("8.00")]
    assert (statement.opening, statement.closing) == (UZS("0.00"), UZS("8.00"))
    assert entries[0].journal == "charge a"


def test_days_of_writing_begin_and_end_at_midnight_in_tashkent(books, empty_url):
    for number in range(6):
        posted(books, f"n{number}", OCTOBER, received("1"))
    as_superuser(
        empty_url,
        "SET LOCAL session_replication_role = replica",
        """
        UPDATE ledger.transfer t SET posted_at = w.at
          FROM (VALUES (1, '2026-10-31 23:59:59.999999+05'::timestamptz), (2, '2026-11-01 00:00+05'),
                       (3, '2026-11-01 12:00+05'), (4, '2026-11-01 23:59:59.999999+05'),
                       (5, '2026-11-02 00:00+05'), (6, '2026-11-03 00:00+05')) AS w (seq, at)
         WHERE t.debit_seq = w.seq
        """,
    )
    assert [
        seqs(books, *days)
        for days in (
            (OCTOBER, OCTOBER),
            (NOVEMBER, NOVEMBER),
            (NOVEMBER, NEXT_DAY),
            (FAR_AWAY, FAR_AWAY),
            (LONG_AGO, LONG_AGO),
            (NEXT_DAY, NOVEMBER),
        )
    ] == [[1], [2, 3, 4], [2, 3, 4, 5], [], [], []]
    statement, _ = read(books, clearing(), NOVEMBER, NOVEMBER)
    assert (statement.opening, statement.closing) == (UZS("1.00"), UZS("4.00"))
    assert (statement.debits, statement.credits) == (UZS("3.00"), UZS("0.00"))


def seqs(books, first, last):
    return [entry.seq for entry in read(books, clearing(), first, last)[1]]


@pytest.mark.parametrize("at_once", [1, 2, 64, 500])
def test_a_long_statement_is_read_in_pieces_without_gap_or_repeat(books, monkeypatch, at_once):
    monkeypatch.setattr(statements, "ENTRIES_AT_ONCE", at_once)
    lines = [received(f"0.{number:02}") for number in range(1, 100)]
    posted(books, "many", NOVEMBER, *lines)
    posted(books, "more", NOVEMBER, *lines[:40])
    statement, entries = read(books, clearing())
    assert [entry.seq for entry in entries] == list(range(1, 140))
    running = 0
    for entry in entries:
        running += entry.debit.minor
        assert entry.balance.minor == running
    assert statement.closing.minor == statement.debits.minor == running


def test_a_statement_of_every_account_ends_with_what_the_account_has(full):
    with snapshot(full) as session:
        accounts = session.scalars(select(Account).where(Account.org_id == 1)).all()
        for one in accounts:
            statement = statement_over(session, one, LONG_AGO, FAR_AWAY)
            entries = list(entries_in(session, statement))
            assert statement.closing == one.balance
            assert len(entries) == one.seq
            moved = statement.debits.minor - statement.credits.minor
            assert statement.opening.minor + moved * one.normal_side == statement.closing.minor
            assert sum(e.debit.minor for e in entries if e.debit) == statement.debits.minor
            assert sum(e.credit.minor for e in entries if e.credit) == statement.credits.minor


def test_what_was_written_today_is_in_today_s_statement(books):
    posted(books, "a", OCTOBER, received("5"))
    today = business_date(written_until_now(books))
    assert seqs(books, today, today) == [1]
    yesterday = today - timedelta(days=1)
    assert seqs(books, yesterday, yesterday) == []
