"""The lane: many callers share a commit; each gets its own answer, and none hurts another."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.database import Database
from ledger.accounts import AccountKey, BookState, open_book
from ledger.books import prove
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Outcome, Posting, Transfer
from ledger.lane import Lane, LaneClosed, LaneFull
from ledger.money import UZS
from ledger.posting import BookShut, post

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
INCOME = AccountKey(REVENUE, "republican-budget", "UZS")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
DAY = date(2026, 11, 20)


def journal(key: str, *lines: Transfer, org_id: int = 1) -> Journal:
    return Journal(org_id, "test", key, JournalKind.PAYMENT_CONFIRMED, DAY, lines)


def received(key: str, amount: str = "1", org_id: int = 1) -> Journal:
    return journal(key, Transfer(CLEARING, INCOME, UZS(amount)), org_id=org_id)


@pytest.fixture
def books(empty: Database) -> Database:
    with empty.transaction() as session:
        open_book(session, 1)
        open_book(session, 2)
    return empty


@pytest.fixture
def lane(books: Database):
    made = Lane(books, workers=1)  # so that what waits while it is busy makes one batch
    yield made
    made.close()


@pytest.fixture
def plugged(books: Database, lane: Lane):
    """The lane is busy with one unit until the event is set: what comes meanwhile makes one batch."""
    entered, pulled = threading.Event(), threading.Event()

    def plug(_: Session, __: list[Posting]) -> None:
        entered.set()
        pulled.wait(10)

    busy = threading.Thread(target=lambda: lane.run([], plug))
    busy.start()
    assert entered.wait(10)
    yield pulled
    pulled.set()
    busy.join()


def together(lane: Lane, plugged: threading.Event, *units):
    """Hand units in while the lane is busy, so that they share a commit; each answer or exception."""
    with ThreadPoolExecutor(len(units)) as pool:
        waiting = [pool.submit(lane.run, journals, rows) for journals, rows in units]
        while lane.depth < len(units):
            pass
        plugged.set()
        return [each.exception() or each.result() for each in waiting]


def income(books: Database, org_id: int = 1) -> int:
    with books.transaction() as session:
        found = session.execute(
            text("SELECT posted FROM ledger.account WHERE org_id = :o AND number = '4010'"),
            {"o": org_id},
        ).scalar()
        return int(found or 0)


def proved(books: Database) -> bool:
    with books.transaction() as session:
        return all(check.holds for check in prove(session))


def outcomes(postings: list[Posting]) -> list[Outcome]:
    return [posting.outcome for posting in postings]


def test_one_that_raises_is_told_so_and_its_neighbours_never_notice(books, lane, plugged):
    def poison(_: Session, __: list[Posting]) -> None:
        raise ZeroDivisionError

    def sound(_: Session, postings: list[Posting]) -> Outcome:
        return postings[0].outcome

    told = together(
        lane,
        plugged,
        ([received("a")], sound),
        ([received("poison")], poison),
        ([received("b")], sound),
    )

    assert told[0] == told[2] == Outcome.POSTED
    assert isinstance(told[1], ZeroDivisionError)
    assert income(books) == 2_00
    assert lane.measures.alone == 3
    assert proved(books)


def test_a_statement_the_database_refuses_is_its_callers_alone(books, lane, plugged):
    def broken(session: Session, _: list[Posting]) -> None:
        session.execute(text("SELECT 1 / 0"))

    told = together(lane, plugged, ([received("a")], None), ([received("b")], broken))

    assert outcomes(told[0]) == [Outcome.POSTED]
    assert isinstance(told[1], DBAPIError)
    assert income(books) == 1_00


def test_a_refused_journal_in_a_shared_commit_is_an_answer_and_costs_nobody_a_second_try(
    books, lane, plugged
):
    spend = journal("spend", Transfer(CREDIT, CLEARING, UZS("5")))

    told = together(
        lane, plugged, ([received("a")], None), ([spend], None), ([received("b")], None)
    )

    assert [outcomes(each) for each in told] == [
        [Outcome.POSTED],
        [Outcome.INSUFFICIENT],
        [Outcome.POSTED],
    ]
    assert lane.measures.alone == 0


def test_the_same_key_from_many_callers_at_once_moves_the_money_once(books, lane, plugged):
    told = together(lane, plugged, *[([received("same")], None)] * 12)

    assert {posting.outcome for each in told for posting in each} == {Outcome.POSTED}
    assert sum(not posting.replayed for each in told for posting in each) == 1
    assert income(books) == 1_00


def test_a_shut_book_is_told_to_its_own_callers_only(books, empty_url, lane, plugged):
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("SELECT ledger.set_book_state(2, 2::smallint)"))
    engine.dispose()

    told = together(
        lane, plugged, ([received("a")], None), ([received("b", org_id=BookState.SHUT)], None)
    )

    assert outcomes(told[0]) == [Outcome.POSTED]
    assert isinstance(told[1], BookShut)


def test_journals_of_two_books_in_one_unit_are_both_posted_or_neither(books, lane):
    def change_of_mind(_: Session, __: list[Posting]) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        lane.run([received("a"), received("a", org_id=2)], change_of_mind)
    assert (income(books, 1), income(books, 2)) == (0, 0)

    assert outcomes(lane.post([received("b", org_id=2), received("b")])) == [Outcome.POSTED] * 2
    assert (income(books, 1), income(books, 2)) == (1_00, 1_00)


def test_a_full_queue_is_refused_and_nothing_of_it_is_posted(books):
    lane = Lane(books, workers=1, most_waiting=1)
    entered, pulled = threading.Event(), threading.Event()

    def plug(_: Session, __: list[Posting]) -> None:
        entered.set()
        pulled.wait(10)

    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(lane.run, [], plug)
        assert entered.wait(10)
        waiting = pool.submit(lane.post, [received("waits")])
        while lane.depth < 1:
            pass
        with pytest.raises(LaneFull):
            lane.post([received("too many")], timeout_seconds=0)
        with pytest.raises(LaneFull):
            asyncio.run(lane.apost([received("too many")]))
        pulled.set()
        busy.result()
        assert outcomes(waiting.result()) == [Outcome.POSTED]
    lane.close()

    assert income(books) == 1_00


def test_closing_finishes_what_waits_and_takes_nothing_new(books, lane, plugged):
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(lane.post, [received(str(number))]) for number in range(4)]
        while lane.depth < 4:
            pass
        closing = threading.Thread(target=lane.close)
        closing.start()
        plugged.set()
        closing.join(10)
        assert [outcomes(each.result()) for each in waiting] == [[Outcome.POSTED]] * 4

    with pytest.raises(LaneClosed):
        lane.post([received("late")])
    assert income(books) == 4_00


def test_a_lane_whose_connection_was_cut_tells_its_callers_and_goes_on(books, lane, admin):
    lane.post([received("a")])
    with admin.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": books.engine.url.database},
        )

    with pytest.raises(DBAPIError):
        lane.post([received("b")])
    assert outcomes(lane.post([received("b")])) == [Outcome.POSTED]
    assert income(books) == 2_00


def test_rows_are_in_the_same_commit_as_the_journals_they_belong_to(books, lane):
    def nest(session: Session, postings: list[Posting]) -> Outcome:
        return post(session, [received("within", "7")])[0].outcome

    assert lane.run([received("before", "3")], nest) is Outcome.POSTED
    assert lane.measures.commits == 1
    assert income(books) == 10_00


def test_a_coroutine_that_gave_up_waiting_disturbs_nobody(books, lane, plugged):
    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lane.apost([received("a")]), 0.05)
        plugged.set()
        assert outcomes(await lane.apost([received("b")])) == [Outcome.POSTED]

    asyncio.run(impatient())

    assert income(books) == 2_00


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_many_callers_of_one_account_share_commits_and_all_is_there(books, workers):
    lane = Lane(books, workers=workers)

    async def caller(number: int) -> list[Outcome]:
        return outcomes(await lane.apost([received(str(number))]))

    async def everybody() -> list[list[Outcome]]:
        return await asyncio.gather(*[caller(number) for number in range(400)])

    assert asyncio.run(everybody()) == [[Outcome.POSTED]] * 400
    lane.close()
    assert lane.measures.units == 400
    assert lane.measures.commits < 100
    assert income(books) == 400_00
    assert proved(books)
