"""What the one writer does with days that are closed: nothing slips in, nothing is lost, answers stay."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from ledger.accounts import AccountKey
from ledger.chart import PROVIDER_CLEARING, JournalKind
from ledger.journals import Outcome, Transfer, capture, hold, reverse
from ledger.money import UZS, Money
from ledger.periods.moves import adjustment
from ledger.posting import post
from tests.ledger.desk import CLEARING, CREDIT, INCOME
from tests.ledger.periods.keeper import (
    FIRST_OF_NOVEMBER,
    FIRST_OF_OCTOBER,
    IN_OCTOBER,
    IN_SEPTEMBER,
    OCTOBER,
    SEPTEMBER,
    Keeper,
    posted,
)
from tests.ledger.sealer import broken, seal
from tests.superuser import as_superuser, rows

ONE_DAY = timedelta(days=1)
PAYMENTS = [kind for kind in JournalKind if kind <= JournalKind.UNIDENTIFIED_RECEIVED]
WAITING = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def plain(keeper: Keeper, day: date, kind: JournalKind) -> Outcome:
    """The short way: one journal of one movement."""
    return keeper.desk.does(Transfer(CLEARING, INCOME, UZS("1")), effective=day, kind=kind)


def grouped(keeper: Keeper, day: date, kind: JournalKind) -> Outcome:
    line = Transfer(CLEARING, INCOME, UZS("1"))
    return keeper.desk.does(line, line, effective=day, kind=kind)


def captured(keeper: Keeper, day: date, kind: JournalKind) -> Outcome:
    key = uuid4()
    held = keeper.desk.journal(hold(key, CLEARING, INCOME, UZS("1")), effective=day, kind=kind)
    taken = keeper.desk.journal(capture(key, CLEARING, INCOME, UZS("1")), effective=day, kind=kind)
    outcomes = {posting.outcome for posting in keeper.desk.post(held, taken)}
    return outcomes.pop() if len(outcomes) == 1 else Outcome.EMPTY


WAYS = (plain, grouped, captured)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("day", [IN_SEPTEMBER, SEPTEMBER, IN_OCTOBER, OCTOBER, date(2001, 1, 1)])
def test_money_for_a_closed_day_is_posted_on_the_first_open_one_and_keeps_its_own(
    keeper, empty_url, way, day
):
    keeper.close(SEPTEMBER)
    keeper.softly(OCTOBER)

    assert way(keeper, day, JournalKind.PAYMENT_CONFIRMED) is Outcome.POSTED
    assert set(posted(empty_url)) == {(FIRST_OF_NOVEMBER, day)}


def test_the_first_open_day_is_taken_as_it_is(keeper, empty_url):
    keeper.close(SEPTEMBER)
    keeper.received("1", FIRST_OF_OCTOBER)

    assert posted(empty_url) == [(FIRST_OF_OCTOBER, None)]


@pytest.mark.parametrize("kind", PAYMENTS)
def test_no_kind_of_payment_is_ever_lost_to_a_closed_period(keeper, empty_url, kind):
    keeper.close(SEPTEMBER, OCTOBER)

    assert plain(keeper, IN_SEPTEMBER, kind) is Outcome.POSTED
    assert keeper.desk.balance(CLEARING) == "1.00"


@pytest.mark.parametrize("way", WAYS)
def test_a_kind_that_is_not_carried_is_refused_on_a_closed_day_and_leaves_nothing(
    keeper, empty_url, way
):
    as_superuser(empty_url, "UPDATE ledger.journal_kind SET carries = false WHERE kind = 1")
    keeper.close(SEPTEMBER)
    keeper.softly(OCTOBER)

    for day in (IN_SEPTEMBER, SEPTEMBER, IN_OCTOBER, OCTOBER):
        assert way(keeper, day, JournalKind.PAYMENT_CONFIRMED) is Outcome.PERIOD_CLOSED
    assert posted(empty_url) == []
    assert way(keeper, FIRST_OF_NOVEMBER, JournalKind.PAYMENT_CONFIRMED) is Outcome.POSTED


@pytest.mark.parametrize("way", WAYS)
def test_an_adjustment_is_posted_to_a_softly_closed_day_and_carried_from_a_closed_one(
    keeper, empty_url, way
):
    keeper.close(SEPTEMBER)
    keeper.softly(OCTOBER)
    for day in (IN_OCTOBER, OCTOBER, IN_SEPTEMBER):
        assert way(keeper, day, JournalKind.ADJUSTMENT) is Outcome.POSTED

    days = list(dict.fromkeys(posted(empty_url)))
    assert days == [(IN_OCTOBER, None), (OCTOBER, None), (FIRST_OF_NOVEMBER, IN_SEPTEMBER)]


def test_an_adjustment_that_may_not_be_carried_is_refused_on_a_closed_day_only(keeper, empty_url):
    as_superuser(empty_url, "UPDATE ledger.journal_kind SET carries = false WHERE kind = 10")
    keeper.close(SEPTEMBER)
    keeper.softly(OCTOBER)

    assert keeper.adjusts("1", IN_SEPTEMBER) is Outcome.PERIOD_CLOSED
    assert keeper.adjusts("1", IN_OCTOBER) is Outcome.POSTED


def test_an_adjustment_says_what_it_corrects(keeper, empty_url):
    number = UUID(int=7)
    lines = (Transfer(CLEARING, INCOME, UZS("1")),)
    asked = adjustment(1, id=number, effective=IN_OCTOBER, lines=lines, reason="wrong payee")
    assert keeper.desk.post(asked, asked)[1].replayed

    (doc,) = rows(empty_url, "SELECT doc FROM ledger.journal_doc")[0]
    assert doc == {"source": "adjustment", "key": str(number), "reason": "wrong payee"}


def test_a_journal_whose_day_was_closed_since_gets_its_first_answer_again(keeper, empty_url):
    asked = keeper.desk.journal(Transfer(CLEARING, INCOME, UZS("5")), effective=IN_SEPTEMBER)
    refused = keeper.desk.journal(Transfer(CREDIT, CLEARING, UZS("5")), effective=IN_SEPTEMBER)
    first, no = keeper.desk.post(asked, refused)
    keeper.close(SEPTEMBER, OCTOBER)
    again, still_no = keeper.desk.post(asked, refused)

    assert (again.outcome, again.first_id, again.replayed) == (Outcome.POSTED, first.first_id, True)
    assert no.outcome is still_no.outcome is Outcome.INSUFFICIENT
    assert posted(empty_url) == [(IN_SEPTEMBER, None)]


def test_a_carried_journal_is_the_same_request_after_its_period_was_reopened(keeper, empty_url):
    keeper.close(SEPTEMBER)
    asked = keeper.desk.journal(Transfer(CLEARING, INCOME, UZS("5")), effective=IN_SEPTEMBER)
    keeper.desk.post(asked)
    keeper.reopen(SEPTEMBER)

    assert keeper.desk.post(asked)[0].replayed
    assert posted(empty_url) == [(FIRST_OF_OCTOBER, IN_SEPTEMBER)]


def test_a_reversal_of_an_entry_in_a_closed_period_lands_in_the_open_one(keeper, empty_url):
    original = keeper.desk.post(
        keeper.desk.journal(Transfer(CLEARING, INCOME, UZS("5")), effective=IN_SEPTEMBER)
    )[0].first_id
    keeper.close(SEPTEMBER)
    back = reverse(original, INCOME, CLEARING, UZS("5"))

    assert keeper.desk.does(back, effective=IN_SEPTEMBER) is Outcome.POSTED
    assert posted(empty_url) == [(IN_SEPTEMBER, None), (FIRST_OF_OCTOBER, IN_SEPTEMBER)]
    assert keeper.sealed(SEPTEMBER, 1)["1210 stripe"] == ("0.00", "5.00", "0.00", "5.00")


def test_the_neighbours_of_a_journal_that_is_refused_for_its_day_are_posted(keeper, empty_url):
    as_superuser(empty_url, "UPDATE ledger.journal_kind SET carries = false WHERE kind = 7")
    keeper.close(SEPTEMBER)
    line = Transfer(CLEARING, INCOME, UZS("1"))
    poison = JournalKind.UNIDENTIFIED_RECEIVED
    journals = [
        keeper.desk.journal(line, effective=IN_SEPTEMBER),
        keeper.desk.journal(line, effective=IN_SEPTEMBER, kind=poison),
        keeper.desk.journal(line, effective=IN_OCTOBER, kind=poison),
    ]

    assert [posting.outcome for posting in keeper.desk.post(*journals)] == [
        Outcome.POSTED,
        Outcome.PERIOD_CLOSED,
        Outcome.POSTED,
    ]


def waits(url: str, task: Future) -> None:
    """Until somebody in this database waits for a lock; fails when the task ends instead."""
    for _ in range(400):
        if rows(url, WAITING) != [(0,)]:
            return
        assert not task.done(), task.result()
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_closing_waits_for_a_posting_under_way_and_seals_it(keeper, empty_url):
    keeper.received("1", IN_SEPTEMBER)
    keeper.softly(SEPTEMBER)
    with ThreadPoolExecutor(1) as pool:
        with keeper.database.transaction() as session:
            late = keeper.desk.journal(
                Transfer(CLEARING, INCOME, UZS("7")),
                effective=IN_SEPTEMBER,
                kind=JournalKind.ADJUSTMENT,
            )
            assert post(session, [late])[0].outcome is Outcome.POSTED
            closing = pool.submit(keeper.close, SEPTEMBER)
            waits(empty_url, closing)
        closing.result()

    assert posted(empty_url)[-1] == (IN_SEPTEMBER, None)
    assert keeper.sealed(SEPTEMBER, 1)["1210 stripe"] == ("0.00", "8.00", "0.00", "8.00")
    assert not broken(keeper.database)


def test_a_transaction_under_way_posts_again_to_its_accounts_while_closing_waits(keeper, empty_url):
    keeper.received("1", IN_SEPTEMBER)
    with ThreadPoolExecutor(1) as pool:
        with keeper.database.transaction() as session:
            for number in range(3):
                line = Transfer(CLEARING, INCOME, UZS("7"))
                post(session, [keeper.desk.journal(line, effective=IN_SEPTEMBER)])
                if number == 0:
                    closing = pool.submit(keeper.softly, SEPTEMBER)
                    waits(empty_url, closing)
        closing.result()

    assert posted(empty_url) == [(IN_SEPTEMBER, None)] * 4


@pytest.mark.parametrize("accounts", ["known", "new"])
def test_a_posting_that_comes_while_a_period_is_closed_finds_it_closed(keeper, empty_url, accounts):
    """Also one between two accounts that nobody could lock, because they were opened meanwhile."""
    keeper.received("1", IN_SEPTEMBER)
    keeper.softly(SEPTEMBER)
    name = "stripe" if accounts == "known" else "payme"
    line = Transfer(AccountKey(PROVIDER_CLEARING, name, "UZS"), INCOME, UZS("7"))
    if accounts == "new":
        line = Transfer(line.debit, AccountKey(PROVIDER_CLEARING, "uzum", "UZS"), UZS("7"))
    with ThreadPoolExecutor(1) as pool:
        with keeper.database.transaction() as session:
            closed = text("SELECT ledger.close_period(1, :day, 'staff:chief')")
            assert session.execute(closed, {"day": SEPTEMBER}).scalar_one() is None
            task = pool.submit(
                keeper.desk.does, line, effective=IN_SEPTEMBER, kind=JournalKind.ADJUSTMENT
            )
            waits(empty_url, task)
        assert task.result() is Outcome.POSTED

    assert posted(empty_url)[-1] == (FIRST_OF_OCTOBER, IN_SEPTEMBER)
    assert "1210 payme" not in keeper.sealed(SEPTEMBER, 1)


def test_money_that_streams_in_while_periods_are_closed_is_all_there_and_every_proof_holds(
    keeper, empty_url
):
    """Six writers, single and in batches, to days of every month; the sealer folds, months are closed."""
    keeper.received("1", IN_SEPTEMBER)
    days = [IN_SEPTEMBER, OCTOBER, FIRST_OF_NOVEMBER, date(2026, 8, 1)]
    kinds = [JournalKind.PAYMENT_CONFIRMED, JournalKind.ADJUSTMENT]

    def write(writer: int) -> None:
        for number in range(25):
            line = Transfer(CLEARING, INCOME if writer % 2 else CREDIT, Money(100, "UZS"))
            batch = [
                keeper.desk.journal(
                    line,
                    key=f"{writer}.{number}.{place}",
                    effective=days[(number + place) % 4],
                    kind=kinds[place % 2],
                )
                for place in range(1 + writer % 3)
            ]
            assert {posting.outcome for posting in keeper.desk.post(*batch)} == {Outcome.POSTED}

    with ThreadPoolExecutor(7) as pool:
        writing = [pool.submit(write, writer) for writer in range(6)]
        for last_day in (SEPTEMBER, OCTOBER):
            keeper.softly(last_day)
            seal(empty_url)
            keeper.close(last_day)
        keeper.reopen(OCTOBER)
        keeper.close(OCTOBER)
        for task in writing:
            task.result()
    seal(empty_url, calls=20)

    assert keeper.desk.balance(CLEARING) == f"{1 + 25 * (2 * (1 + 2 + 3))}.00"
    assert not broken(keeper.database)
