"""Open, frozen, closing, closed: what each takes, and every way that is refused."""

from itertools import product

import pytest

from foundation.database import Database
from foundation.history import events_of
from foundation.ids import new_id
from ledger.accounts import (
    LIFECYCLE,
    AccountNotEmpty,
    AccountNotFound,
    AccountState,
    NotFromHere,
    ReasonMissing,
    find_account,
    set_account_state,
)
from ledger.journals import Outcome, Transfer, capture, hold, release
from ledger.money import UZS
from tests.ledger.desk import CLEARING, CREDIT, INCOME, KEEPER, NOON, Desk
from tests.superuser import as_superuser, rows

WHY = "Letter 17 of the treasury"


@pytest.fixture
def desk(empty: Database) -> Desk:
    return Desk(empty).open()


def moved(desk: Desk, key, *events: str) -> None:
    account = desk.id(key)
    for event in events:
        with desk.database.transaction() as session:
            set_account_state(session, 1, account, event, reason=WHY, by=KEEPER, at=NOON)


def test_a_frozen_account_takes_nothing_until_it_is_unfrozen(desk):
    desk.credited("10.00")
    moved(desk, CREDIT, "freeze")
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(Transfer(CLEARING, CREDIT, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN

    moved(desk, CREDIT, "unfreeze")
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("1"))) is Outcome.POSTED


def test_a_closing_account_only_comes_nearer_to_zero_and_never_past_it(desk):
    desk.credited("10.00")
    moved(desk, CREDIT, "wind_down")

    assert desk.does(Transfer(CLEARING, CREDIT, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("10.01"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(hold(new_id(), CREDIT, CLEARING, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("4"))) is Outcome.POSTED
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("6"))) is Outcome.POSTED
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("0.01"))) is Outcome.ACCOUNT_NOT_OPEN


def test_an_account_with_a_balance_below_zero_closes_from_its_other_side(desk):
    desk.does(Transfer(INCOME, CLEARING, UZS("5")))  # 4010 stands at -5.00
    moved(desk, INCOME, "wind_down")

    assert desk.does(Transfer(INCOME, CLEARING, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(Transfer(CLEARING, INCOME, UZS("5.01"))) is Outcome.ACCOUNT_NOT_OPEN
    assert desk.does(Transfer(CLEARING, INCOME, UZS("5"))) is Outcome.POSTED
    moved(desk, INCOME, "close")
    desk.proves()


def test_what_a_closing_account_holds_can_still_leave_it(desk):
    desk.credited("10.00")
    key = new_id()
    desk.does(hold(key, CREDIT, CLEARING, UZS("10")))
    moved(desk, CREDIT, "wind_down")

    assert desk.does(capture(key, CREDIT, CLEARING, UZS("7"))) is Outcome.POSTED
    assert desk.does(release(key, CREDIT, CLEARING, UZS("0"))) is Outcome.POSTED
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("3"))) is Outcome.POSTED
    moved(desk, CREDIT, "close")


def test_an_account_with_money_on_it_is_not_closed(desk):
    desk.credited("0.01")
    moved(desk, CREDIT, "wind_down")
    with pytest.raises(AccountNotEmpty) as refusal:
        moved(desk, CREDIT, "close")

    assert refusal.value.facts["balance"] == UZS("0.01")
    assert state(desk, CREDIT) is AccountState.CLOSING


def test_an_account_on_which_something_is_held_is_not_closed(desk):
    key = new_id()
    desk.does(hold(key, CLEARING, INCOME, UZS("1")))
    moved(desk, INCOME, "wind_down")
    with pytest.raises(AccountNotEmpty):
        moved(desk, INCOME, "close")

    desk.does(release(key, CLEARING, INCOME, UZS("0")))
    moved(desk, INCOME, "close")


def test_a_closed_account_takes_nothing_and_is_never_opened_again(desk):
    desk.id(CREDIT)
    moved(desk, CREDIT, "wind_down", "close")

    assert desk.does(Transfer(CLEARING, CREDIT, UZS("1"))) is Outcome.ACCOUNT_NOT_OPEN
    for event in ("freeze", "unfreeze", "wind_down", "reopen"):
        with pytest.raises(NotFromHere):
            moved(desk, CREDIT, event)


@pytest.mark.parametrize(("event", "origin"), [*product(LIFECYCLE.moves, AccountState)])
def test_each_move_is_possible_from_the_states_that_the_table_names(desk, empty_url, event, origin):
    account = desk.id(CREDIT)
    as_superuser(empty_url, f"UPDATE ledger.account SET state = {origin.value}")
    target = LIFECYCLE.moves[event][1]
    if LIFECYCLE.allows(event, origin):
        moved(desk, CREDIT, event)
        assert state(desk, CREDIT) is target
    elif origin is target:
        moved(desk, CREDIT, event)
        with desk.database.transaction() as session:
            assert events_of(session, find_account(session, 1, account)) == []
    else:
        with pytest.raises(NotFromHere):
            moved(desk, CREDIT, event)


@pytest.mark.parametrize("origin", AccountState)
def test_the_database_allows_the_moves_of_the_table_and_no_other(desk, empty_url, origin):
    account = desk.id(CREDIT)
    targets = set()
    for target in AccountState:
        as_superuser(empty_url, f"UPDATE ledger.account SET state = {origin.value}")
        query = "SELECT ledger.set_account_state(1, :id, CAST(:target AS smallint))"
        ((answer,),) = rows(empty_url, query, id=account, target=target.value)
        assert answer in {None, "unchanged", "not_from_here"}
        targets |= {target} if answer is None else set()

    moves = LIFECYCLE.moves.values()
    assert targets == {target for origins, target in moves if origin in origins}


@pytest.mark.parametrize("reason", ["", "  too few "])
def test_a_move_without_a_reason_is_refused(desk, reason):
    account = desk.id(CREDIT)
    with pytest.raises(ReasonMissing), desk.database.transaction() as session:
        set_account_state(session, 1, account, "freeze", reason=reason, by=KEEPER, at=NOON)

    assert state(desk, CREDIT) is AccountState.OPEN


def test_an_account_of_another_book_is_not_found(desk):
    account = desk.id(CREDIT)
    with pytest.raises(AccountNotFound), desk.database.transaction() as session:
        set_account_state(session, 2, account, "freeze", reason=WHY, by=KEEPER, at=NOON)


def test_every_move_is_written_down_with_who_and_why(desk):
    account = desk.id(CREDIT)
    moved(desk, CREDIT, "freeze", "freeze", "unfreeze", "wind_down")
    with desk.database.transaction() as session:
        events = events_of(session, find_account(session, 1, account))

    assert [event.what for event in events] == ["freeze", "unfreeze", "wind_down"]
    assert {(event.by, event.facts["reason"]) for event in events} == {("staff:karima", WHY)}


def state(desk: Desk, key) -> AccountState:
    account = desk.id(key)
    with desk.database.transaction() as session:
        return AccountState(find_account(session, 1, account).state)
