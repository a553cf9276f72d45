"""Dated limits: what they refuse, when they begin, and an appropriation that is raised in July."""

from datetime import timedelta
from time import sleep

import pytest

from foundation.clock import now
from foundation.database import Database
from foundation.history import events_of
from foundation.ids import new_id
from ledger.accounts import AccountKey, AccountNotFound, find_account
from ledger.chart import AccountClass, ChartLine, Side
from ledger.journals import Outcome, Transfer, capture, hold, release
from ledger.limits import (
    Limit,
    LimitBelowChart,
    LimitIdReused,
    LimitInThePast,
    LimitOutOfRange,
    LimitsCross,
    LimitSourceMissing,
    in_force,
    limits_of,
    set_limit,
)
from ledger.money import UZS, CurrenciesDiffer, Money
from tests.ledger.desk import CLEARING, CREDIT, KEEPER, NOON, SOON, Desk, soon

# An expense under appropriation control: what a contract promises is a hold against it.
SPENDING = ChartLine("5210", "Goods and services", AccountClass.EXPENSE, Side.DEBIT)
REPAIRS = AccountKey(SPENDING, "4252100", "UZS")
OWED = AccountKey(ChartLine("2110", "Suppliers", AccountClass.LIABILITY, Side.CREDIT), "7", "UZS")
LAW, AMENDED = "Budget Act 2027, annex 4", "Budget Act 2027, as amended on 1 July, annex 4"


@pytest.fixture
def desk(empty: Database) -> Desk:
    return Desk(empty).open()


def limited(desk: Desk, key: AccountKey, *, at=None, starts_at=None, id=None, **figures) -> None:
    at = at or now()
    account = desk.id(key)
    asked = {"least": None, "most": None, "source": LAW} | figures
    with desk.database.transaction() as session:
        limit = Limit(starts_at or at, **asked)
        set_limit(session, 1, account, limit, id=id or new_id(), by=KEEPER, at=at)


def spent(desk: Desk, amount: str) -> Outcome:
    return desk.does(Transfer(REPAIRS, OWED, UZS(amount)))


def test_an_appropriation_is_never_passed_by_what_is_spent_and_promised(desk):
    limited(desk, REPAIRS, most=UZS("100.00"))
    assert spent(desk, "30.00") is Outcome.POSTED
    contract = new_id()
    assert desk.does(hold(contract, REPAIRS, OWED, UZS("50.00"))) is Outcome.POSTED

    assert spent(desk, "20.01") is Outcome.ABOVE_LIMIT
    assert desk.does(hold(new_id(), REPAIRS, OWED, UZS("20.01"))) is Outcome.ABOVE_LIMIT
    assert spent(desk, "20.00") is Outcome.POSTED
    # The contract is paid out of what was set aside for it, in parts; what it did not need is free.
    assert desk.does(capture(contract, REPAIRS, OWED, UZS("45.00"))) is Outcome.POSTED
    assert spent(desk, "0.01") is Outcome.ABOVE_LIMIT
    assert desk.does(release(contract, REPAIRS, OWED, UZS("0"))) is Outcome.POSTED
    assert spent(desk, "5.00") is Outcome.POSTED
    desk.proves()


def test_an_appropriation_raised_in_july_is_not_to_be_spent_in_june(desk):
    limited(desk, REPAIRS, most=UZS("100.00"))
    july = soon()
    limited(desk, REPAIRS, most=UZS("150.00"), starts_at=july, source=AMENDED)
    assert spent(desk, "100.00") is Outcome.POSTED
    assert spent(desk, "0.01") is Outcome.ABOVE_LIMIT
    assert desk.standing(REPAIRS).most == UZS("100.00")

    sleep(SOON.total_seconds() + 0.1)
    assert desk.standing(REPAIRS).most == UZS("150.00")
    assert spent(desk, "50.01") is Outcome.ABOVE_LIMIT
    assert spent(desk, "50.00") is Outcome.POSTED
    account = desk.id(REPAIRS)
    with desk.database.transaction() as session:
        known = limits_of(session, 1, account)
    assert [(limit.max_balance, limit.source) for limit in known] == [
        (150_00, AMENDED),
        (100_00, LAW),
    ]
    assert in_force(known, july).source == AMENDED
    assert in_force(known, july - timedelta(milliseconds=1)).source == LAW
    assert in_force(known, NOON - timedelta(days=999)) is None


def test_a_lowered_limit_does_not_strand_what_was_held_and_takes_nothing_more(desk):
    limited(desk, REPAIRS, most=UZS("100.00"))
    contract = new_id()
    desk.does(hold(contract, REPAIRS, OWED, UZS("80.00")))
    limited(desk, REPAIRS, most=UZS("40.00"), source=AMENDED)

    assert spent(desk, "0.01") is Outcome.ABOVE_LIMIT
    assert desk.does(capture(contract, REPAIRS, OWED, UZS("80.00"))) is Outcome.POSTED
    assert desk.standing(REPAIRS).balance == UZS("80.00")
    assert desk.does(Transfer(OWED, REPAIRS, UZS("39.00"))) is Outcome.POSTED  # it may recover
    assert spent(desk, "0.01") is Outcome.ABOVE_LIMIT
    assert desk.does(Transfer(OWED, REPAIRS, UZS("2.00"))) is Outcome.POSTED
    assert spent(desk, "1.00") is Outcome.POSTED
    desk.proves()


def test_money_that_is_held_counts_against_the_least_that_must_stay(desk):
    desk.credited("100.00")
    limited(desk, CREDIT, least=UZS("20.00"))
    desk.does(hold(new_id(), CREDIT, CLEARING, UZS("50.00")))

    assert desk.does(Transfer(CREDIT, CLEARING, UZS("30.01"))) is Outcome.INSUFFICIENT
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("30.00"))) is Outcome.POSTED


def test_a_dated_limit_keeps_what_the_chart_asks_of_the_account(desk):
    desk.credited("1.00")
    limited(desk, CREDIT, most=UZS("10.00"))

    assert desk.standing(CREDIT).least == UZS("0.00")
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("1.01"))) is Outcome.INSUFFICIENT
    with pytest.raises(LimitBelowChart):
        limited(desk, CREDIT, least=UZS("-0.01"))


@pytest.mark.parametrize(
    ("figures", "refusal"),
    [
        ({"least": UZS("5.01"), "most": UZS("5.00")}, LimitsCross),
        ({"most": Money(4 * 10**18 + 1, "UZS")}, LimitOutOfRange),
        ({"least": Money(-(10**30), "UZS")}, LimitOutOfRange),
        ({"most": Money(1, "EUR")}, CurrenciesDiffer),
        ({"most": UZS("1.00"), "source": "  "}, LimitSourceMissing),
        (
            {"most": UZS("1.00"), "at": NOON, "starts_at": NOON - timedelta(seconds=1)},
            LimitInThePast,
        ),
    ],
)
def test_a_limit_that_cannot_be_is_refused_and_leaves_nothing(desk, figures, refusal):
    with pytest.raises(refusal):
        limited(desk, REPAIRS, **figures)

    account = desk.id(REPAIRS)
    with desk.database.transaction() as session:
        assert limits_of(session, 1, account) == []
        assert events_of(session, find_account(session, 1, account)) == []


def test_a_limit_of_an_account_that_is_not_there_is_refused(desk):
    with pytest.raises(AccountNotFound), desk.database.transaction() as session:
        set_limit(
            session, 1, 999, Limit(NOON, None, UZS("1"), LAW), id=new_id(), by=KEEPER, at=NOON
        )


def test_the_same_limit_again_changes_nothing_and_another_under_its_id_is_refused(desk):
    key, at = new_id(), now()
    limited(desk, REPAIRS, most=UZS("1.00"), id=key, at=at)
    limited(desk, REPAIRS, most=UZS("1.00"), id=key, at=at)
    with pytest.raises(LimitIdReused):
        limited(desk, REPAIRS, most=UZS("2.00"), id=key, at=at)

    account = desk.id(REPAIRS)
    with desk.database.transaction() as session:
        (event,) = events_of(session, find_account(session, 1, account))
    assert (event.what, event.by) == ("limit_set", "staff:karima")
    assert (event.facts["most"], event.facts["source"]) == ("1.00 UZS", LAW)


def test_of_two_limits_that_begin_together_the_later_one_is_in_force(desk):
    at = now()
    limited(desk, REPAIRS, most=UZS("1.00"), at=at)
    limited(desk, REPAIRS, most=UZS("2.00"), at=at)

    assert desk.standing(REPAIRS).most == UZS("2.00")


def test_a_limit_can_be_lifted_by_one_without_figures(desk):
    limited(desk, REPAIRS, most=UZS("1.00"))
    assert spent(desk, "1.01") is Outcome.ABOVE_LIMIT
    limited(desk, REPAIRS, source="Order 12 of the Ministry")

    assert spent(desk, "1.01") is Outcome.POSTED
