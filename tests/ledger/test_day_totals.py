"""Balances of a past day as known at a past instant: late entries, half-folded books, hostile instants."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from foundation.database import Database
from ledger.accounts import AccountNotFound
from ledger.balances import trial_balance
from ledger.day_totals import balance_as_of, turnovers
from ledger.journals import Outcome, Transfer
from ledger.money import UZS, Money
from ledger.posting import post
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk
from tests.ledger.sealer import broken, seal
from tests.superuser import as_superuser, rows

NOVEMBER_20 = date(2026, 11, 20)
ONE_DAY = timedelta(days=1)
NAIVE = """
SELECT account, sum(debit_minor), sum(credit_minor), count(*) FROM ledger.entry
 WHERE org_id = 1 AND effective BETWEEN :since AND :through AND posted_at <= :known GROUP BY account
"""


@pytest.fixture
def desk(empty: Database) -> Desk:
    return Desk(empty).open()


def instant(desk: Desk) -> datetime:
    """The database's own present: what was posted before is known at it."""
    with desk.database.transaction() as session:
        return session.execute(text("SELECT clock_timestamp()")).scalar_one()


def received(desk: Desk, amount: str, day: date, **more: object) -> None:
    assert (
        desk.does(Transfer(CLEARING, INCOME, UZS(amount)), effective=day, **more) is Outcome.POSTED
    )


def as_of(desk: Desk, day: date, known_at: datetime | None = None) -> str:
    account = desk.id(CLEARING)
    with desk.database.transaction() as session:
        return f"{balance_as_of(session, 1, account, day, known_at=known_at).decimal:f}"


def test_an_entry_that_came_late_is_not_in_what_was_known_before_it(desk, empty_url):
    received(desk, "10", NOVEMBER_20)
    before = instant(desk)
    received(desk, "5", NOVEMBER_20)
    seal(empty_url)

    assert as_of(desk, NOVEMBER_20, before) == "10.00"
    assert as_of(desk, NOVEMBER_20) == "15.00"


def test_an_entry_of_a_later_day_is_not_in_the_balance_of_an_earlier_one(desk, empty_url):
    received(desk, "10", NOVEMBER_20)
    received(desk, "5", NOVEMBER_20 + ONE_DAY)
    received(desk, "7", NOVEMBER_20 + 30 * ONE_DAY)
    for sealed in (0, 3):
        seal(empty_url, calls=sealed)
        assert [as_of(desk, NOVEMBER_20 + days * ONE_DAY) for days in (-1, 0, 1, 29, 30)] == [
            "0.00",
            "10.00",
            "15.00",
            "15.00",
            "22.00",
        ]


def test_an_account_that_is_not_there_has_no_past(desk):
    with pytest.raises(AccountNotFound), desk.database.transaction() as session:
        balance_as_of(session, 1, 999_999, NOVEMBER_20)


def test_an_account_nobody_used_was_always_empty(desk):
    assert as_of(desk, NOVEMBER_20) == as_of(desk, NOVEMBER_20, instant(desk)) == "0.00"


def test_a_refused_journal_is_in_no_total(desk, empty_url):
    assert desk.does(Transfer(CREDIT, CLEARING, UZS("5"))) is Outcome.INSUFFICIENT
    seal(empty_url)

    assert rows(empty_url, "SELECT count(*) FROM ledger.day_total") == [(0,)]
    assert not broken(desk.database)


def test_another_books_entries_are_in_no_total_of_this_one(desk, empty_url):
    received(desk, "10", NOVEMBER_20, org_id=2)
    received(desk, "1", NOVEMBER_20)
    for book in (1, 2):
        seal(empty_url, org_id=book)

    assert as_of(desk, NOVEMBER_20) == "1.00"
    assert not broken(desk.database)


def test_what_a_whole_day_turned_over_at_the_highest_amounts_is_more_than_a_balance_can_be(
    desk, empty_url
):
    most = Money(10**15, "UZS")
    there = desk.journal(*[Transfer(CLEARING, INCOME, most)] * 4000, effective=NOVEMBER_20)
    back = desk.journal(*[Transfer(INCOME, CLEARING, most)] * 4000, effective=NOVEMBER_20)
    third = desk.journal(*[Transfer(CLEARING, INCOME, most)] * 4000, effective=NOVEMBER_20)
    forth = desk.journal(*[Transfer(INCOME, CLEARING, most)] * 4000, effective=NOVEMBER_20)
    fifth = desk.journal(*[Transfer(CLEARING, INCOME, most)] * 3000, effective=NOVEMBER_20)
    for each in (there, back, third, forth, fifth):
        assert desk.post(each)[0].outcome is Outcome.POSTED
    seal(empty_url)

    with desk.database.transaction() as session:
        turned = turnovers(session, 1, desk.id(CLEARING))[desk.id(CLEARING)]
    assert turned.debits_minor == 11_000 * 10**15 > 2**63
    assert as_of(desk, NOVEMBER_20) == "30000000000000000.00"
    assert not broken(desk.database)


def test_the_service_cannot_fold_by_itself(desk, server, service_login):
    service = Database(server.url(service_login, desk.database.engine.url.database))
    with pytest.raises(Exception, match="permission denied"), service.transaction() as session:
        session.execute(text("SELECT ledger.fold_days(1, ARRAY[8192])"))
    service.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger.day_total SET debits_minor = debits_minor + 1",
        "UPDATE ledger.day_total SET effective = effective + 1",
        "DELETE FROM ledger.day_total",
        # Folded twice, and folded without leaving the queue.
        "SELECT ledger.fold_days(1, array_agg(id)) FROM ledger.transfer",
        "INSERT INTO ledger.unsealed SELECT id, 1, '{}' FROM ledger.transfer",
    ],
)
def test_the_proof_finds_a_day_total_that_is_not_the_sum_of_its_transfers(desk, empty_url, damage):
    received(desk, "10", NOVEMBER_20)
    seal(empty_url)
    assert not broken(desk.database)
    as_superuser(empty_url, damage)

    assert broken(desk.database) == {"day-totals"}


def test_a_day_inside_a_stretch_and_an_instant_inside_a_day_are_exact_on_a_long_account(
    desk, empty_url
):
    """A thousand entries of mixed days: two stretches, sixteen landmarks, and every edge of them."""
    marks: dict[int, datetime] = {0: instant(desk)}
    edges = {1, 63, 64, 65, 127, 128, 511, 512, 513, 575, 576, 1000, 1023, 1024, 1025}
    reached = 0
    for edge in sorted(edges):
        lines = [(number, NOVEMBER_20 - number % 7 * ONE_DAY) for number in range(reached, edge)]
        journals = [
            desk.journal(Transfer(CLEARING, INCOME, Money(number + 1, "UZS")), effective=day)
            for number, day in lines
        ]
        assert {posting.outcome for posting in desk.post(*journals)} == {Outcome.POSTED}
        reached, marks[edge] = edge, instant(desk)
    for sealed in (0, 5, 99):
        seal(empty_url, calls=sealed)
        for edge, at in marks.items():
            for back in (0, 3, 6):
                minor = sum(number + 1 for number in range(edge) if number % 7 >= back)
                assert as_of(desk, NOVEMBER_20 - back * ONE_DAY, at) == f"{minor / 100:.2f}"
    assert not broken(desk.database)


@dataclass
class Story:
    """Calls of the writer with some folded between them, and the instants between."""

    desk: Desk
    url: str
    instants: list[datetime] = field(default_factory=list)

    def happens(self, calls: list[list[tuple[int, int, int]]], folds: list[int]) -> None:
        pairs = [(CLEARING, INCOME), (INCOME, CLEARING), (CLEARING, CREDIT), (CREDIT, INCOME)]
        for call, fold in zip(calls, folds, strict=True):
            self.instants.append(instant(self.desk))
            with self.desk.database.transaction() as session:
                post(
                    session,
                    [
                        self.desk.journal(
                            Transfer(*pairs[pair], Money(minor, "UZS")),
                            effective=NOVEMBER_20 + day * ONE_DAY,
                        )
                        for pair, day, minor in call
                    ],
                )
            # Late commits are folded late: not always the oldest first.
            seal(self.url, calls=fold, skip=fold % 2)
        self.instants.append(instant(self.desk))

    def agrees(self, since: date, through: date, known_at: datetime) -> None:
        asked = {"since": since, "through": through, "known": known_at}
        with self.desk.database.transaction() as session:
            told = turnovers(session, 1, since=since, through=through, known_at=known_at)
            naive = {
                row[0]: tuple(map(int, row[1:])) for row in session.execute(text(NAIVE), asked)
            }
            before = asked | {"since": date.min, "through": since - ONE_DAY}
            opening = defaultdict(int)
            for account, debited, credited, _ in session.execute(text(NAIVE), before):
                opening[account] = int(debited - credited)
            for account, turned in told.items():
                found = (turned.debits_minor, turned.credits_minor, turned.entries)
                assert found == naive.get(account, (0, 0, 0))
                assert turned.opening_minor == opening[account]
                balance = balance_as_of(session, 1, account, through, known_at=known_at)
                side = 1 if account == self.desk.id(CLEARING) else -1
                assert balance.minor == turned.closing_minor * side


movements = st.tuples(st.integers(0, 3), st.integers(-40, 40), st.integers(1, 10**6))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    story=st.lists(
        st.tuples(st.lists(movements, min_size=1, max_size=90), st.integers(0, 3)),
        min_size=1,
        max_size=6,
    ),
    questions=st.lists(
        st.tuples(st.integers(-42, 42), st.integers(0, 60), st.integers(0, 40)), min_size=4
    ),
)
def test_what_is_told_of_any_day_and_instant_is_what_the_transfers_sum_to(
    desk, empty_url, story, questions
):
    told = Story(desk, empty_url)
    told.happens([call for call, _ in story], [fold for _, fold in story])
    for day, days, which in questions:
        since = NOVEMBER_20 + day * ONE_DAY
        known_at = told.instants[which % len(told.instants)]
        told.agrees(since, since + days * ONE_DAY, known_at)
    told.agrees(date(2000, 1, 1), NOVEMBER_20, datetime(2099, 1, 1, tzinfo=UTC))


def test_the_trial_balance_of_a_past_day_sums_to_nothing_and_knows_no_later_entry(desk, empty_url):
    received(desk, "70", NOVEMBER_20)
    before = instant(desk)
    received(desk, "30", NOVEMBER_20)
    received(desk, "5", NOVEMBER_20 + ONE_DAY)
    seal(empty_url, calls=2)

    def balances(**asked: object) -> list[str]:
        with desk.database.transaction() as session:
            return [f"{line.balance.decimal:f}" for line in trial_balance(session, 1, **asked)]

    assert balances() == ["105.00", "105.00"]
    assert balances(as_of=NOVEMBER_20) == ["100.00", "100.00"]
    assert balances(as_of=NOVEMBER_20, known_at=before) == ["70.00", "70.00"]
