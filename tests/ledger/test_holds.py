"""Holds on a bad day and on a good one: expiry, captures, releases, refusals, and their story."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from time import sleep

import pytest

from foundation.clock import now
from foundation.database import Database
from foundation.ids import new_id
from ledger.accounts import set_account_state
from ledger.books import prove
from ledger.holds import (
    HoldMove,
    HoldNotFound,
    HoldState,
    books_with_due,
    find_hold,
    open_holds,
    story_of,
    tidy_due,
)
from ledger.journals import Outcome, Posting, Transfer, capture, hold, release
from ledger.money import UZS
from ledger.posting import post
from tests.ledger.desk import CLEARING, CREDIT, INCOME, KEEPER, NOON, SOON, Desk, soon
from tests.superuser import as_superuser, rows

TO_PAYER = (CREDIT, CLEARING)  # a refund: debit the payer's credit, credit what the provider owes
TO_INCOME = (CREDIT, INCOME)  # what is credited turns out to be owed


@pytest.fixture
def desk(empty: Database) -> Desk:
    """A payer's credit of 100.00 is there."""
    made = Desk(empty).open()
    made.credited("100.00")
    return made


def placed(desk: Desk, amount: str = "60.00", expires_at=None, accounts=TO_PAYER):
    key = new_id()
    assert desk.does(hold(key, *accounts, UZS(amount), expires_at=expires_at)) is Outcome.POSTED
    return key


def told(desk: Desk, key) -> list[tuple[str, str]]:
    with desk.database.transaction() as session:
        return [
            (event.what.value, f"{event.amount.decimal:f}")
            for event in story_of(session, find_hold(session, 1, key))
        ]


def state(desk: Desk, key) -> HoldState:
    with desk.database.transaction() as session:
        return find_hold(session, 1, key).state


def shown(desk: Desk, key) -> list:
    account = desk.id(key)
    with desk.database.transaction() as session:
        return [found.key for found in open_holds(session, 1, account)]


def test_a_hold_whose_time_has_passed_frees_its_money_at_once_without_any_job(desk):
    key = placed(desk, expires_at=soon())
    assert desk.does(Transfer(*TO_PAYER, UZS("41.00"))) is Outcome.INSUFFICIENT

    sleep(SOON.total_seconds() + 0.1)
    assert desk.held(CREDIT) == desk.held(CLEARING) == ("100.00", "0.00", "0.00")
    assert (state(desk, key), shown(desk, CREDIT)) == (HoldState.EXPIRED, [])
    desk.proves()
    assert desk.does(Transfer(*TO_PAYER, UZS("100.00"))) is Outcome.POSTED
    desk.proves()
    assert told(desk, key) == [("placed", "60.00"), ("expired", "60.00")]


def test_an_expired_hold_of_which_only_one_account_was_touched_is_free_on_both(desk):
    key = placed(desk, expires_at=soon())
    sleep(SOON.total_seconds() + 0.1)

    assert desk.does(Transfer(*TO_INCOME, UZS("100.00"))) is Outcome.POSTED  # touches 2320 alone
    free = rows(desk.database.url, "SELECT debit_free, credit_free, state FROM ledger.hold")
    assert free == [(True, False, 3)]
    assert desk.held(CLEARING) == ("100.00", "0.00", "0.00")
    desk.proves()
    assert desk.does(Transfer(INCOME, CLEARING, UZS("100.00"))) is Outcome.POSTED
    assert rows(desk.database.url, "SELECT debit_free, credit_free FROM ledger.hold") == [
        (True, True)
    ]
    assert state(desk, key) is HoldState.EXPIRED
    desk.proves()


@pytest.mark.parametrize("touched", [False, True])
def test_neither_capture_nor_release_can_come_after_the_expiry(desk, touched):
    key = placed(desk, expires_at=soon())
    sleep(SOON.total_seconds() + 0.1)
    if touched:  # by somebody else, who has written the expiry down
        desk.credited("1.00")

    assert desk.does(capture(key, *TO_PAYER, UZS("1.00"))) is Outcome.HOLD_EXPIRED
    assert desk.does(release(key, *TO_PAYER, UZS("0"))) is Outcome.HOLD_EXPIRED
    desk.proves()


def test_what_was_captured_in_time_stays_when_the_rest_expires(desk):
    key = placed(desk, expires_at=soon())
    assert desk.does(capture(key, *TO_PAYER, UZS("25.00"))) is Outcome.POSTED
    sleep(SOON.total_seconds() + 0.1)

    assert desk.held(CREDIT) == ("75.00", "0.00", "0.00")
    assert told(desk, key) == [("placed", "60.00"), ("captured", "25.00"), ("expired", "35.00")]
    desk.proves()


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=1)])
def test_a_hold_cannot_expire_before_it_is_placed(desk, ago):
    late = hold(new_id(), *TO_PAYER, UZS("1.00"), expires_at=now() - ago)

    assert desk.does(late) is Outcome.HOLD_EXPIRED
    assert desk.held(CREDIT) == ("100.00", "0.00", "0.00")


def test_a_hold_is_captured_once(desk):
    key = placed(desk)
    full = desk.journal(capture(key, *TO_PAYER, UZS("60.00")), key="full")
    assert desk.post(full)[0].outcome is Outcome.POSTED

    again = desk.post(full)[0]
    assert (again.outcome, again.replayed) == (Outcome.POSTED, True)
    assert desk.does(capture(key, *TO_PAYER, UZS("60.00"))) is Outcome.HOLD_DONE
    assert desk.does(capture(key, *TO_PAYER, UZS("60.00"), final=True)) is Outcome.HOLD_DONE
    assert desk.does(release(key, *TO_PAYER, UZS("0"))) is Outcome.HOLD_DONE
    assert desk.held(CREDIT) == ("40.00", "0.00", "0.00")
    desk.proves()


def test_no_more_is_captured_than_is_left(desk):
    key = placed(desk)
    assert desk.does(capture(key, *TO_PAYER, UZS("60.01"))) is Outcome.HOLD_EXCEEDED
    desk.does(capture(key, *TO_PAYER, UZS("45.00")))
    desk.does(release(key, *TO_PAYER, UZS("5.00")))

    for line in (
        capture(key, *TO_PAYER, UZS("10.01")),
        capture(key, *TO_PAYER, UZS("10.01"), final=True),
        release(key, *TO_PAYER, UZS("10.01")),
    ):
        assert desk.does(line) is Outcome.HOLD_EXCEEDED
    assert desk.does(capture(key, *TO_PAYER, UZS("10.00"))) is Outcome.POSTED
    desk.proves()


def test_two_at_once_who_capture_the_last_rest_get_it_once(desk):
    keys = [placed(desk, "10.00") for _ in range(8)]
    start = Barrier(2)

    def take(key) -> Posting:
        start.wait()
        return desk.does(capture(key, *TO_PAYER, UZS("10.00")))

    with ThreadPoolExecutor(2) as pool:
        for key in keys:
            outcomes = [each.result() for each in [pool.submit(take, key) for _ in range(2)]]
            assert sorted(outcomes) == [Outcome.POSTED, Outcome.HOLD_DONE]
    assert desk.held(CREDIT) == ("20.00", "0.00", "0.00")
    desk.proves()


def test_a_refused_journal_takes_its_holds_back(desk):
    first, second = new_id(), placed(desk, "30.00")
    poison = Transfer(*TO_PAYER, UZS("500.00"))
    refused = [
        hold(first, *TO_PAYER, UZS("20.00")),
        capture(second, *TO_PAYER, UZS("10.00")),
        release(second, *TO_PAYER, UZS("0")),
        poison,
    ]

    assert desk.does(*refused) is Outcome.INSUFFICIENT
    assert desk.held(CREDIT) == ("100.00", "30.00", "0.00")
    with pytest.raises(HoldNotFound), desk.database.transaction() as session:
        find_hold(session, 1, first)
    assert told(desk, second) == [("placed", "30.00")]
    assert (
        desk.does(hold(first, *TO_PAYER, UZS("70.00"))) is Outcome.POSTED
    )  # its key is still free
    desk.proves()


def test_a_poisoned_neighbour_does_not_take_the_holds_of_others_along(desk):
    key = new_id()
    outcomes = desk.post(
        desk.journal(hold(key, *TO_PAYER, UZS("20.00"))),
        desk.journal(capture(key, *TO_PAYER, UZS("5.00")), Transfer(*TO_PAYER, UZS("500.00"))),
        desk.journal(capture(key, *TO_PAYER, UZS("20.00"))),
    )

    assert [posting.outcome for posting in outcomes] == [
        Outcome.POSTED,
        Outcome.INSUFFICIENT,
        Outcome.POSTED,
    ]
    assert told(desk, key) == [("placed", "20.00"), ("captured", "20.00")]
    desk.proves()


def test_what_is_held_cannot_be_spent_nor_held_again(desk):
    placed(desk, "60.00")

    assert desk.does(hold(new_id(), *TO_PAYER, UZS("40.01"))) is Outcome.INSUFFICIENT
    assert desk.does(Transfer(*TO_PAYER, UZS("40.01"))) is Outcome.INSUFFICIENT
    assert desk.does(Transfer(*TO_PAYER, UZS("40.00"))) is Outcome.POSTED
    desk.proves()


@pytest.mark.parametrize("known", [True, False])
def test_a_hold_is_only_touched_by_its_key_and_its_own_accounts(desk, known):
    key = placed(desk) if known else new_id()
    wrong = Outcome.ACCOUNTS_DIFFER if known else Outcome.HOLD_UNKNOWN

    assert desk.does(capture(key, *TO_INCOME, UZS("1.00"))) is wrong
    assert desk.does(release(key, CLEARING, CREDIT, UZS("1.00"))) is wrong
    again = desk.does(hold(key, *TO_PAYER, UZS("1.00")))
    assert again is (Outcome.HOLD_EXISTS if known else Outcome.POSTED)


def test_another_book_knows_nothing_of_a_hold(desk):
    key = placed(desk)

    assert desk.does(capture(key, *TO_PAYER, UZS("1.00")), org_id=2) is Outcome.HOLD_UNKNOWN
    with pytest.raises(HoldNotFound), desk.database.transaction() as session:
        find_hold(session, 2, key)


def test_a_frozen_account_lets_holds_go_and_nothing_else(desk):
    key = placed(desk)
    account = desk.id(CREDIT)
    with desk.database.transaction() as session:
        reason = {"reason": "a court has said so", "by": KEEPER, "at": NOON}
        set_account_state(session, 1, account, "freeze", **reason)

    assert desk.does(hold(new_id(), *TO_PAYER, UZS("1.00"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(capture(key, *TO_PAYER, UZS("1.00"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(release(key, *TO_PAYER, UZS("0"))) is Outcome.POSTED
    assert desk.held(CREDIT) == ("100.00", "0.00", "0.00")


def test_parts_are_captured_until_the_final_one_lets_the_rest_go(desk):
    key = placed(desk)
    for amount in ("20.00", "15.00"):
        assert desk.does(capture(key, *TO_PAYER, UZS(amount))) is Outcome.POSTED
    assert desk.held(CREDIT) == ("65.00", "25.00", "0.00")

    assert desk.does(capture(key, *TO_PAYER, UZS("5.00"), final=True)) is Outcome.POSTED
    assert desk.held(CREDIT) == desk.held(CLEARING) == ("60.00", "0.00", "0.00")
    assert told(desk, key) == [
        ("placed", "60.00"),
        ("captured", "20.00"),
        ("captured", "15.00"),
        ("captured", "5.00"),
        ("released", "20.00"),
    ]
    with desk.database.transaction() as session:
        found = find_hold(session, 1, key)
    assert (found.state, found.left) == (HoldState.DONE, UZS("0.00"))
    desk.proves()


def test_a_release_of_nothing_lets_all_go_that_is_left(desk):
    key = placed(desk)
    desk.does(capture(key, *TO_PAYER, UZS("10.00")))

    assert desk.does(release(key, *TO_PAYER, UZS("0"))) is Outcome.POSTED
    assert desk.held(CREDIT) == ("90.00", "0.00", "0.00")
    assert told(desk, key)[-1] == ("released", "50.00")
    desk.proves()


def test_a_hold_is_placed_and_captured_in_one_journal_and_in_one_batch(desk):
    one, two = new_id(), new_id()
    together = desk.journal(
        hold(one, *TO_PAYER, UZS("30.00")), capture(one, *TO_PAYER, UZS("10.00"), final=True)
    )
    batch = [
        desk.journal(hold(two, *TO_PAYER, UZS("30.00"))),
        desk.journal(capture(two, *TO_PAYER, UZS("10.00"))),
        desk.journal(release(two, *TO_PAYER, UZS("0"))),
        desk.journal(capture(two, *TO_PAYER, UZS("1.00"))),
    ]

    outcomes = [posting.outcome for posting in desk.post(together, *batch)]
    assert outcomes == [Outcome.POSTED] * 4 + [Outcome.HOLD_DONE]
    assert desk.held(CREDIT) == ("80.00", "0.00", "0.00")
    for key in (one, two):
        assert sorted(told(desk, key)) == [
            ("captured", "10.00"),
            ("placed", "30.00"),
            ("released", "20.00"),
        ]
    desk.proves()


def test_what_will_come_is_held_in_on_the_account_that_it_will_raise(desk):
    placed(desk, "60.00", accounts=TO_INCOME)

    assert desk.held(CREDIT) == ("100.00", "60.00", "0.00")
    assert desk.held(INCOME) == ("0.00", "0.00", "60.00")
    now_ = desk.standing(CREDIT)
    assert (now_.available, now_.least) == (UZS("40.00"), UZS("0.00"))


def test_an_account_shows_its_open_holds_the_first_to_expire_first(desk):
    later, first, never = (
        placed(desk, "10.00", at)
        for at in (now() + timedelta(hours=2), now() + timedelta(hours=1), None)
    )
    done = placed(desk, "10.00")
    desk.does(release(done, *TO_PAYER, UZS("0")))

    assert shown(desk, CREDIT) == shown(desk, CLEARING) == [first, later, never]
    assert shown(desk, INCOME) == []


def test_each_step_of_a_hold_names_its_journal_and_its_moment(desk):
    key = placed(desk)
    posting = desk.post(desk.journal(capture(key, *TO_PAYER, UZS("1.00"))))[0]
    with desk.database.transaction() as session:
        events = story_of(session, find_hold(session, 1, key))

    assert [event.what for event in events] == [HoldMove.PLACED, HoldMove.CAPTURED]
    assert events[1].journal == posting.journal
    assert now() - timedelta(minutes=1) < events[0].at < events[1].at < now()


def test_tidying_writes_down_what_has_happened_and_changes_nothing_that_is_told(desk):
    placed(desk, expires_at=soon())
    with desk.database.transaction() as session:
        assert list(books_with_due(session)) == []
    sleep(SOON.total_seconds() + 0.1)
    before = desk.held(CREDIT), desk.held(CLEARING)

    with desk.database.transaction() as session:
        assert list(books_with_due(session)) == [1]
        assert tidy_due(session, 1, most=1) == 1
        assert tidy_due(session, 1) == 1
        assert tidy_due(session, 1) == 0
        assert list(books_with_due(session)) == []
    assert (desk.held(CREDIT), desk.held(CLEARING)) == before
    kept = rows(desk.database.url, "SELECT held_out, held_in, due_at FROM ledger.account")
    assert set(kept) == {(0, 0, None)}
    desk.proves()


def test_tidying_gives_way_to_whoever_is_posting(desk):
    placed(desk, expires_at=soon())
    sleep(SOON.total_seconds() + 0.1)
    with desk.database.transaction() as posting:
        post(posting, [desk.journal(Transfer(*TO_INCOME, UZS("1.00")))])
        with desk.database.transaction() as session:
            assert tidy_due(session, 1) == 0  # the hold is in the other's hands, and so is 2320
        post(posting, [desk.journal(Transfer(*TO_PAYER, UZS("1.00")))])
    with desk.database.transaction() as session:
        assert list(books_with_due(session)) == []
    desk.proves()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger.hold SET captured_minor = captured_minor + 1",
        "UPDATE ledger.hold SET amount_minor = amount_minor + 1, released_minor = released_minor + 1",
        "DELETE FROM ledger.capture",
        "DELETE FROM ledger.hold_line",
        "UPDATE ledger.capture SET transfer = transfer + 1",
        "INSERT INTO ledger.capture SELECT org_id, hold, transfer + 1 FROM ledger.capture",
    ],
)
def test_the_proof_finds_a_hold_that_was_tampered_with(desk, empty_url, damage):
    key = placed(desk)
    desk.does(capture(key, *TO_PAYER, UZS("10.00")))
    table = damage.split("ledger.")[1].split(" ")[0]
    as_superuser(empty_url, f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER", damage)

    with desk.database.transaction() as session:
        assert "captures" in {check.name for check in prove(session) if not check.holds}
