"""Two at the same moment: one waits for the other, and is then decided by what the other has left."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from foundation.clock import now
from ledger.accounts import AccountKey, BookState
from ledger.chart import REVENUE
from ledger.journals import Journal, Outcome, Posting, Transfer, hold, reverse
from ledger.money import UZS, Money
from ledger.posting import BookShut, post
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk
from tests.superuser import rows

ELSEWHERE = AccountKey(REVENUE, "local-budget", "UZS")
LATER = AccountKey(REVENUE, "opened last", "UZS")
PATIENCE_SECONDS, EXPIRY = 10, timedelta(milliseconds=500)
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

Start = Callable[[Callable[[], list[Posting]]], Future[list[Posting]]]


@pytest.fixture
def desk(empty) -> Desk:
    desk = Desk(empty).open()
    for key in (CLEARING, INCOME, CREDIT, ELSEWHERE, LATER):
        desk.id(key)  # in this order: rows are locked by id
    return desk


@pytest.fixture
def start(empty_url) -> Iterator[Start]:
    """Let something begin in a transaction of its own; returns once it waits for a lock."""
    with ThreadPoolExecutor(1) as pool:

        def begin(does: Callable[[], list[Posting]]) -> Future[list[Posting]]:
            waiting = pool.submit(does)
            give_up = time.monotonic() + PATIENCE_SECONDS
            while rows(empty_url, WAITING) == [(0,)]:
                assert time.monotonic() < give_up
                time.sleep(0.01)
            return waiting

        yield begin


@contextmanager
def somebody_else(url: str) -> Iterator[Callable[..., object]]:
    """Runs statements in one transaction, with the rights of a superuser."""
    engine = create_engine(url)
    with engine.begin() as connection:
        yield lambda statement, **values: connection.execute(text(statement), values)
    engine.dispose()


LOCK = "SELECT FROM ledger.account WHERE id = :id FOR NO KEY UPDATE"


def test_one_key_by_the_short_way_and_the_long_one_is_posted_once(desk):
    line = Transfer(CLEARING, INCOME, UZS("1"))
    for number in range(12):
        same, start = desk.journal(line, key=f"same {number}"), Barrier(4)
        one, other = (desk.journal(line, key=f"{number}-{name}") for name in range(2))

        def post_at_once(call: list[Journal], start: Barrier = start) -> list[Posting]:
            start.wait()
            return desk.post(*call)

        calls = [[same], [one, same], [same, other], [same, same]]
        with ThreadPoolExecutor(4) as pool:
            told = [
                p for call in pool.map(post_at_once, calls) for p in call if p.journal == same.id
            ]
        assert [posting.outcome for posting in told] == [Outcome.POSTED] * 5
        assert [posting.replayed for posting in told].count(False) == 1
        assert len({posting.first_id for posting in told}) == 1
    assert desk.balance(CLEARING) == "36.00"
    desk.proves()


@pytest.mark.parametrize("lines", [1, 2], ids=["short way", "long way"])
def test_of_two_bodies_under_one_key_one_is_posted_and_the_other_raises_and_is_then_told(
    desk, start, lines
):
    """On other accounts nobody waits for a row: the key itself is the wall."""
    one = desk.journal(Transfer(CLEARING, INCOME, UZS("1")), key="same")
    other = desk.journal(*[Transfer(ELSEWHERE, LATER, UZS("1"))] * lines, key="same")
    with desk.database.transaction() as session:
        post(session, [one])
        second = start(lambda: desk.post(other))
    with pytest.raises(IntegrityError, match=r"journal_(doc_)?pkey"):
        second.result()

    assert desk.post(other)[0].outcome is Outcome.KEY_REUSED
    assert desk.balance(LATER) == "0.00"
    desk.proves()


def test_two_who_hold_each_others_keys_both_get_an_answer_in_the_end(desk):
    """The database ends one of the two; asked again, it is told what the other did."""
    start = Barrier(2)

    def post_two(way: tuple[AccountKey, AccountKey], keys: tuple[str, str]) -> list[Outcome]:
        line, tries = Transfer(*way, UZS("1")), 0
        while True:
            tries += 1
            try:
                with desk.database.transaction() as session:
                    first = post(session, [desk.journal(line, key=keys[0])])
                    start.wait() if tries == 1 else None
                    return [
                        p.outcome for p in first + post(session, [desk.journal(line, key=keys[1])])
                    ]
            except DBAPIError:
                assert tries == 1

    with ThreadPoolExecutor(2) as pool:
        asked = [((CLEARING, INCOME), ("a", "b")), ((ELSEWHERE, LATER), ("b", "a"))]
        told = list(pool.map(lambda ask: post_two(*ask), asked))
    assert sorted(told) == [[Outcome.POSTED] * 2, [Outcome.KEY_REUSED] * 2]
    desk.proves()


def test_one_hold_key_for_two_pairs_of_accounts_is_placed_once(desk, start):
    key = uuid4()
    with desk.database.transaction() as session:
        post(session, [desk.journal(hold(key, CLEARING, INCOME, UZS("50")))])
        second = start(lambda: desk.post(desk.journal(hold(key, ELSEWHERE, LATER, UZS("70")))))
    with pytest.raises(IntegrityError, match="hold_pkey"):
        second.result()

    assert desk.does(hold(key, ELSEWHERE, LATER, UZS("70"))) is Outcome.HOLD_EXISTS
    assert desk.held(LATER) == ("0.00", "0.00", "0.00")
    desk.proves()


def test_a_refused_reversal_does_not_undo_what_another_has_just_written(desk, start):
    """It names the original with accounts that are not its own, so it holds none of its locks."""
    original = desk.post(desk.journal(Transfer(CLEARING, INCOME, UZS("100"))))[0].first_id
    desk.does(reverse(original, INCOME, CLEARING, UZS("3")))
    with desk.database.transaction() as session:
        post(session, [desk.journal(reverse(original, INCOME, CLEARING, UZS("30")))])
        wrong = desk.journal(
            reverse(original, ELSEWHERE, LATER, UZS("1")), Transfer(INCOME, CREDIT, UZS("1"))
        )
        refused = start(lambda: desk.post(wrong))
    assert refused.result()[0].outcome is Outcome.ACCOUNTS_DIFFER

    assert desk.does(reverse(original, INCOME, CLEARING, UZS("67.01"))) is Outcome.REVERSAL_EXCEEDED
    assert desk.does(reverse(original, INCOME, CLEARING, UZS("67"))) is Outcome.POSTED
    desk.proves()


@pytest.mark.parametrize("lines", [1, 2], ids=["short way", "long way"])
@pytest.mark.parametrize("what", ["hold expires", "limit begins"])
def test_what_becomes_due_while_a_posting_waits_is_seen_by_it(desk, start, empty_url, lines, what):
    desk.credited("10.00")
    moment = now() + EXPIRY
    if what == "hold expires":
        desk.does(hold(uuid4(), CREDIT, CLEARING, UZS("10"), expires_at=moment))
    else:
        limit(desk, CREDIT, moment, UZS("9"))
    spent = desk.journal(*[Transfer(CREDIT, LATER, Money(1000 // lines, "UZS"))] * lines)
    with somebody_else(empty_url) as does:
        does(LOCK, id=desk.id(LATER))
        waiting = start(lambda: desk.post(spent))
        does("SELECT pg_sleep(0.6)")
    expected = Outcome.POSTED if what == "hold expires" else Outcome.INSUFFICIENT
    assert waiting.result()[0].outcome is expected
    desk.proves()


def limit(desk: Desk, key: AccountKey, moment: object, least: Money) -> None:
    asked = {"account": desk.id(key), "id": UUID(int=1), "moment": moment, "least": least.minor}
    setting = "SELECT ledger.set_limit(1, :account, :id, :moment, :least, NULL, 'test', 'test')"
    with desk.database.transaction() as session:
        session.execute(text(setting), asked)


def test_a_hold_that_expires_is_let_go_by_two_writers_at_once_one_on_each_side(desk, start):
    desk.does(hold(uuid4(), CLEARING, INCOME, UZS("10"), expires_at=now() + EXPIRY))
    time.sleep(EXPIRY.total_seconds())
    with desk.database.transaction() as session:
        post(session, [desk.journal(Transfer(CLEARING, ELSEWHERE, UZS("1")))])
        other = start(lambda: desk.post(desk.journal(Transfer(LATER, INCOME, UZS("1")))))
    assert other.result()[0].outcome is Outcome.POSTED

    assert (desk.held(CLEARING), desk.held(INCOME)) == (("1.00", "0.00", "0.00"),) * 2
    desk.proves()


@pytest.mark.parametrize("lines", [1, 2], ids=["short way", "long way"])
def test_a_posting_that_waited_for_a_closing_is_not_in_the_closed_days(
    desk, start, empty_url, lines
):
    late = desk.journal(
        *[Transfer(CLEARING, INCOME, UZS("1"))] * lines, effective=date(2026, 10, 5)
    )
    with somebody_else(empty_url) as does:
        does("SELECT ledger.hold_still(1)")
        waiting = start(lambda: desk.post(late))
        does("UPDATE ledger.book SET soft_closed_through = '2026-10-31' WHERE org_id = 1")
    assert waiting.result()[0].outcome is Outcome.POSTED

    found = "SELECT DISTINCT effective, carried_from FROM ledger.transfer"
    assert rows(empty_url, found) == [(date(2026, 11, 1), date(2026, 10, 5))]


@pytest.mark.parametrize("lines", [1, 2], ids=["short way", "long way"])
def test_a_posting_that_waited_for_its_book_to_be_shut_is_told_so(desk, start, empty_url, lines):
    waits = desk.journal(*[Transfer(CLEARING, INCOME, UZS("1"))] * lines)
    with somebody_else(empty_url) as does:
        does("SELECT ledger.set_book_state(1, CAST(:shut AS smallint))", shut=BookState.SHUT)
        waiting = start(lambda: desk.post(waits))
    with pytest.raises(BookShut):
        waiting.result()
    assert desk.balance(CLEARING) == "0.00"
