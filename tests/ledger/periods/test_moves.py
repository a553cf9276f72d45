"""Periods: made without gaps, closed oldest first, sealed for good, reopened only by two persons."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy.exc import IntegrityError

from foundation.clock import now
from foundation.history import events_of
from foundation.states import IllegalMove
from ledger.accounts import ReasonMissing
from ledger.journals import Outcome
from ledger.periods import moves
from ledger.periods.moves import (
    BookNotBalanced,
    PeriodNotOver,
    PeriodOutOfOrder,
    ReopeningAsked,
    ReopeningNotAsked,
    SamePerson,
    add_period,
    make_periods,
)
from ledger.periods.records import (
    PeriodNotFound,
    find_closing,
    periods_of,
    sealed_text,
)
from ledger.posting import BookShut
from tests.ledger.periods.keeper import (
    AT,
    CHIEF,
    DEPUTY,
    FIRST_OF_OCTOBER,
    IN_SEPTEMBER,
    NOVEMBER,
    OCTOBER,
    OFFICER,
    SEPTEMBER,
    WHY,
    Keeper,
    posted,
)
from tests.ledger.sealer import broken, seal
from tests.superuser import as_superuser, rows

ONE_DAY = timedelta(days=1)
BOOK = "SELECT closed_through, soft_closed_through FROM ledger.book WHERE org_id = 1"


def days_of(keeper: Keeper) -> list[tuple[date, date]]:
    with keeper.database.transaction() as session:
        return [(one.first_day, one.last_day) for one in reversed(periods_of(session, 1))]


def states(keeper: Keeper) -> list[str]:
    with keeper.database.transaction() as session:
        return [one.state for one in reversed(periods_of(session, 1))]


def make(keeper: Keeper, org_id: int = 1, at: datetime = AT) -> int:
    with keeper.database.transaction() as session:
        return make_periods(session, org_id, at=at)


# Made


@pytest.mark.parametrize(
    ("first_day", "last_day"),
    [
        (date(2026, 12, 2), date(2026, 12, 31)),
        (NOVEMBER, date(2026, 12, 31)),
        (date(2026, 12, 9), date(2026, 12, 8)),
    ],
)
def test_a_period_follows_the_last_one_without_gap_or_overlap(keeper, first_day, last_day):
    with pytest.raises(PeriodOutOfOrder):
        add_in(keeper, first_day, last_day)


def test_a_period_that_is_there_is_not_added_again(keeper):
    assert add_in(keeper, FIRST_OF_OCTOBER, OCTOBER) == FIRST_OF_OCTOBER
    assert len(days_of(keeper)) == 3


def add_in(keeper: Keeper, first_day: date, last_day: date) -> date:
    with keeper.database.transaction() as session:
        return add_period(session, 1, first_day, last_day).first_day


@pytest.mark.parametrize(
    ("first_day", "last_day", "follows"),
    [
        ("2026-12-02", "2026-12-31", "2026-11-30"),
        ("2026-11-15", "2026-12-31", "2026-11-30"),
        ("2026-12-01", "2026-11-30", "2026-11-30"),
        ("2026-11-01", "2026-12-31", "2026-10-31"),
        ("2027-01-01", "2027-01-31", "2026-12-31"),
        ("2020-01-01", "2020-01-31", None),
    ],
)
def test_the_database_itself_refuses_a_gap_an_overlap_and_a_second_beginning(
    keeper, empty_url, first_day, last_day, follows
):
    with pytest.raises(IntegrityError):
        as_superuser(
            empty_url,
            "INSERT INTO ledger.period (org_id, first_day, last_day, follows)"
            " VALUES (1, :first, :last, :follows)",
            first=first_day,
            last=last_day,
            follows=follows,
        )


def test_months_are_made_three_ahead_once_across_a_year_and_a_leap_day(keeper):
    assert make(keeper, at=datetime(2027, 12, 20, tzinfo=UTC)) == 16
    assert make(keeper, at=datetime(2027, 12, 20, tzinfo=UTC)) == 0

    made = days_of(keeper)
    assert made[3:5] == [
        (date(2026, 12, 1), date(2026, 12, 31)),
        (date(2027, 1, 1), date(2027, 1, 31)),
    ]
    assert made[-2:] == [
        (date(2028, 2, 1), date(2028, 2, 29)),
        (date(2028, 3, 1), date(2028, 3, 31)),
    ]


def test_a_book_without_periods_begins_with_the_month_in_which_it_was_opened(keeper):
    assert make(keeper, org_id=2, at=now()) >= 3
    with keeper.database.transaction() as session:
        first = periods_of(session, 2)[-1]
    assert first.first_day == (now() + timedelta(hours=5)).date().replace(day=1)


def test_two_workers_that_make_periods_at_once_make_each_once(keeper):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: make(keeper, at=datetime(2027, 6, 1, tzinfo=UTC)), range(4)))

    made = days_of(keeper)
    assert all(after[0] == before[1] + ONE_DAY for before, after in pairwise(made))


# Closed


def test_a_period_that_is_not_over_cannot_be_closed_even_softly(keeper, empty_url):
    keeper.close(SEPTEMBER, OCTOBER)
    make(keeper, at=now())
    with keeper.database.transaction() as session:
        running = next(
            one for one in periods_of(session, 1) if one.first_day <= now().date() <= one.last_day
        )
        earlier = [
            one.last_day
            for one in reversed(periods_of(session, 1))
            if one.state == "open" and one.last_day < running.first_day
        ]
    if earlier:
        keeper.close(*earlier)

    with pytest.raises(PeriodNotOver):
        keeper.softly(running.last_day)
    assert keeper.period(running.last_day).state == "open"


def test_an_open_period_is_closed_softly_first(keeper):
    with pytest.raises(IllegalMove), keeper.database.transaction() as session:
        moves.close_period(session, 1, SEPTEMBER, by=CHIEF, at=AT)


def test_a_later_period_is_not_closed_before_an_earlier_one(keeper):
    with pytest.raises(PeriodOutOfOrder):
        keeper.softly(OCTOBER)
    keeper.softly(SEPTEMBER)
    keeper.softly(OCTOBER)
    with pytest.raises(PeriodOutOfOrder):
        keeper.close(OCTOBER)

    assert states(keeper) == ["soft", "soft", "open"]


def test_a_day_that_ends_no_period_is_none(keeper):
    for what in (keeper.softly, keeper.period, keeper.asks, keeper.approves):
        with pytest.raises(PeriodNotFound):
            what(IN_SEPTEMBER)


def test_a_period_is_closed_once_however_many_close_it(keeper):
    keeper.received("5", IN_SEPTEMBER)
    keeper.softly(SEPTEMBER)

    def close(_: int) -> str:
        try:
            keeper.close(SEPTEMBER)
        except IllegalMove:
            return "too late"
        return "closed"

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(close, range(4)))
    assert sorted(told) == ["closed", "too late", "too late", "too late"]
    assert not broken(keeper.database)


def test_the_two_dates_of_the_book_follow_its_periods(keeper, empty_url):
    seen = [rows(empty_url, BOOK)[0]]
    for step in (
        lambda: keeper.softly(SEPTEMBER),
        lambda: keeper.softly(OCTOBER),
        lambda: keeper.close(SEPTEMBER),
        lambda: keeper.close(OCTOBER),
        lambda: keeper.reopen(OCTOBER),
    ):
        step()
        seen.append(rows(empty_url, BOOK)[0])

    assert seen == [
        (None, None),
        (None, SEPTEMBER),
        (None, OCTOBER),
        (SEPTEMBER, OCTOBER),
        (OCTOBER, OCTOBER),
        (SEPTEMBER, OCTOBER),
    ]


def test_a_soft_closing_is_taken_back_from_the_latest_on(keeper, empty_url):
    keeper.softly(SEPTEMBER)
    keeper.softly(OCTOBER)

    def again(last_day: date) -> None:
        with keeper.database.transaction() as session:
            moves.open_period_again(session, 1, last_day, by=OFFICER, at=AT)

    with pytest.raises(PeriodOutOfOrder):
        again(SEPTEMBER)
    again(OCTOBER)
    again(SEPTEMBER)
    assert rows(empty_url, BOOK) == [(None, None)]
    with pytest.raises(IllegalMove):
        again(SEPTEMBER)


def test_a_book_that_is_shut_is_not_closed(keeper, empty_url):
    keeper.softly(SEPTEMBER)
    as_superuser(empty_url, "UPDATE ledger.book SET state = 2 WHERE org_id = 1")
    with pytest.raises(BookShut):
        keeper.close(SEPTEMBER)

    assert keeper.period(SEPTEMBER).state == "soft"
    assert rows(empty_url, "SELECT count(*) FROM ledger.period_closing") == [(0,)]


def test_a_book_that_somebody_made_unequal_is_not_closed(keeper, empty_url):
    keeper.received("5", IN_SEPTEMBER)
    seal(empty_url)
    as_superuser(
        empty_url,
        "UPDATE ledger.day_total SET debits_minor = debits_minor + 1 WHERE debits_minor > 0",
    )
    with pytest.raises(BookNotBalanced):
        keeper.close(SEPTEMBER)

    assert keeper.period(SEPTEMBER).state == "soft"


# Reopened


def test_nobody_reopens_a_period_alone(keeper, empty_url):
    keeper.close(SEPTEMBER)
    with pytest.raises(ReopeningNotAsked):
        keeper.approves(SEPTEMBER)
    keeper.asks(SEPTEMBER, by=CHIEF)
    with pytest.raises(SamePerson):
        keeper.approves(SEPTEMBER, by=CHIEF)
    with pytest.raises(IntegrityError, match="two_persons"):
        as_superuser(
            empty_url,
            "UPDATE ledger.period_reopening SET approved_by = requested_by, approved_at = now()",
        )

    assert keeper.period(SEPTEMBER).state == "closed"
    keeper.approves(SEPTEMBER, by=DEPUTY)
    assert keeper.period(SEPTEMBER).state == "soft"


def test_reopening_needs_a_reason_and_is_asked_for_once(keeper):
    keeper.close(SEPTEMBER)
    for reason in ("", "because", "  too    ", "\x00" * 20):
        with pytest.raises(ReasonMissing):
            keeper.asks(SEPTEMBER, reason=reason)
    keeper.asks(SEPTEMBER)
    with pytest.raises(ReopeningAsked):
        keeper.asks(SEPTEMBER, by=DEPUTY)


def test_only_the_latest_closed_period_is_reopened(keeper):
    keeper.close(SEPTEMBER)
    keeper.asks(SEPTEMBER)
    keeper.close(OCTOBER)
    with pytest.raises(PeriodOutOfOrder):
        keeper.approves(SEPTEMBER)
    keeper.reopen(OCTOBER)
    keeper.approves(SEPTEMBER)

    assert states(keeper) == ["soft", "soft", "open"]


@pytest.mark.parametrize("state", ["open", "soft"])
def test_what_is_not_closed_is_not_reopened(keeper, state):
    if state == "soft":
        keeper.softly(SEPTEMBER)
    with pytest.raises(IllegalMove):
        keeper.asks(SEPTEMBER)
    with pytest.raises(IllegalMove):
        keeper.approves(SEPTEMBER)


def test_an_approval_serves_one_closing_only(keeper):
    keeper.close(SEPTEMBER)
    keeper.reopen(SEPTEMBER)
    keeper.close(SEPTEMBER)

    with pytest.raises(ReopeningNotAsked):
        keeper.approves(SEPTEMBER)


def test_two_who_approve_at_once_reopen_once(keeper, empty_url):
    keeper.close(SEPTEMBER)
    keeper.asks(SEPTEMBER)

    def approve(_: int) -> bool:
        try:
            keeper.approves(SEPTEMBER)
        except (IllegalMove, ReopeningNotAsked):
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(approve, range(4))) == 1
    assert not broken(keeper.database)


def test_a_reopened_period_takes_adjustments_and_is_sealed_anew_beside_the_old_seal(
    keeper, empty_url
):
    keeper.received("10", IN_SEPTEMBER)
    first = keeper.close(SEPTEMBER)
    keeper.received("1", IN_SEPTEMBER)  # carried: not in September, whatever happens to it
    keeper.reopen(SEPTEMBER)
    assert keeper.adjusts("5", IN_SEPTEMBER) is Outcome.POSTED
    keeper.received("2", IN_SEPTEMBER)
    second = keeper.close(SEPTEMBER)

    assert posted(empty_url)[1:] == [
        (FIRST_OF_OCTOBER, IN_SEPTEMBER),
        (IN_SEPTEMBER, None),
        (FIRST_OF_OCTOBER, IN_SEPTEMBER),
    ]
    assert keeper.sealed(SEPTEMBER, 1)["1210 stripe"] == ("0.00", "10.00", "0.00", "10.00")
    assert keeper.sealed(SEPTEMBER, 2)["1210 stripe"] == ("0.00", "15.00", "0.00", "15.00")
    assert (first.closing, second.closing) == (1, 2)
    with keeper.database.transaction() as session:
        old = find_closing(session, 1, SEPTEMBER, 1)
        sealed = sealed_text(session, old)
    assert hashlib.sha256(sealed.encode()).digest() == first.trial_balance_hash
    seal(empty_url)
    assert not broken(keeper.database)


def test_history_says_who_did_what_and_why(keeper):
    keeper.close(SEPTEMBER)
    keeper.reopen(SEPTEMBER)
    with keeper.database.transaction() as session:
        told = [(event.what, event.by) for event in events_of(session, keeper.period(SEPTEMBER))]
        reasons = [
            event.facts.get("reason") for event in events_of(session, keeper.period(SEPTEMBER))
        ]

    assert told == [
        ("closed_softly", str(OFFICER)),
        ("closed", str(CHIEF)),
        ("reopening_requested", str(OFFICER)),
        ("reopened", str(CHIEF)),
    ]
    assert reasons == [None, None, WHY, None]
