"""What a closing seals: exact, hashed, in a journal, never changed; and the proofs that watch it."""

import hashlib
import json
from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from foundation.database import Database
from ledger.day_totals import balance_as_of
from ledger.journals import Outcome, Transfer, hold
from ledger.money import UZS, Money
from ledger.periods.moves import uncleared
from ledger.periods.records import held_at_closing, held_now, sealed_lines, sealed_text
from tests.ledger.desk import CLEARING, CREDIT, INCOME, soon
from tests.ledger.periods.keeper import IN_OCTOBER, IN_SEPTEMBER, OCTOBER, SEPTEMBER
from tests.ledger.sealer import broken, seal
from tests.superuser import as_superuser, rows


def test_a_closing_seals_openings_turnovers_and_balances_and_what_came_before_the_first_period(
    keeper,
):
    keeper.received("100", date(2026, 3, 8))
    keeper.received("10", IN_SEPTEMBER)
    keeper.received("1", IN_OCTOBER)
    keeper.desk.does(Transfer(INCOME, CLEARING, UZS("30")), effective=IN_OCTOBER)
    keeper.close(SEPTEMBER, OCTOBER)

    assert keeper.sealed(SEPTEMBER, 1) == {
        "1210 stripe": ("0.00", "110.00", "0.00", "110.00"),
        "4010 republican-budget": ("0.00", "0.00", "110.00", "110.00"),
    }
    assert keeper.sealed(OCTOBER, 1) == {
        "1210 stripe": ("110.00", "1.00", "30.00", "81.00"),
        "4010 republican-budget": ("110.00", "30.00", "1.00", "81.00"),
    }
    assert not broken(keeper.database)


def test_a_month_of_the_highest_amounts_is_sealed_to_the_last_tiyin(keeper):
    most = Money(10**15, "UZS")
    way = [Transfer(CLEARING, INCOME, most)], [Transfer(INCOME, CLEARING, most)]
    for number in range(5):
        assert keeper.desk.does(*way[number % 2] * 4000, effective=IN_SEPTEMBER) is Outcome.POSTED
    closing = keeper.close(SEPTEMBER)

    with keeper.database.transaction() as session:
        line = sealed_lines(session, closing)[0]
        last = sealed_text(session, closing).splitlines()[-1]
    assert line.debits.minor == 12_000 * 10**15 > 2**63
    assert line.closing == Money(4_000 * 10**15, "UZS")
    assert json.loads(last)[4:] == [8_000 * 10**15, 12_000 * 10**15, 4_000 * 10**15]
    assert not broken(keeper.database)


def test_what_was_sealed_can_be_hashed_again_by_anybody_and_its_hash_is_in_a_journal(
    keeper, empty_url
):
    keeper.received("10", IN_SEPTEMBER)
    closing = keeper.close(SEPTEMBER)
    with keeper.database.transaction() as session:
        sealed = sealed_text(session, closing)

    assert hashlib.sha256(sealed.encode()).digest() == closing.trial_balance_hash
    head, *lines = [json.loads(line) for line in sealed.splitlines()]
    assert head == ["mizon trial balance", 1, "2026-09-01", "2026-09-30", 1]
    assert lines == [
        ["1210", "stripe", 860, 1, 1000, 0, 1000],
        ["4010", "republican-budget", 860, 1, 0, 1000, 1000],
    ]
    ((doc, commitment, outcome),) = rows(
        empty_url,
        "SELECT d.doc, j.commitment, j.outcome FROM ledger.journal j JOIN ledger.journal_doc d"
        " USING (org_id, journal) WHERE d.doc ->> 'source' = 'period'",
    )
    assert (outcome, len(commitment)) == (1, 32)
    assert doc == {
        "source": "period",
        "key": "2026-09-30:1:closed",
        "first_day": "2026-09-01",
        "last_day": "2026-09-30",
        "closing": 1,
        "trial_balance_sha256": closing.trial_balance_hash.hex(),
        "open_holds": [],
        "clearing": [["1210 stripe", "10.00 UZS"]],
    }


def test_a_name_from_outside_cannot_forge_a_line_of_what_is_sealed(keeper):
    for name in ('a", 860]\n["1210', "ўзбек\t'", "\\u0000 \\"):
        number = CLEARING.line
        account = type(CLEARING)(number, name, "UZS")
        assert keeper.desk.does(Transfer(account, INCOME, UZS("1")), effective=IN_SEPTEMBER)
    closing = keeper.close(SEPTEMBER)
    with keeper.database.transaction() as session:
        lines = [json.loads(line) for line in sealed_text(session, closing).splitlines()]

    assert len(lines) == 5
    assert {line[1] for line in lines[1:4]} == {'a", 860]\n["1210', "ўзбек\t'", "\\u0000 \\"}


def test_what_comes_later_changes_nothing_of_what_was_sealed(keeper):
    keeper.received("10", IN_SEPTEMBER)
    closing = keeper.close(SEPTEMBER)
    before = keeper.sealed(SEPTEMBER, 1)
    keeper.received("5", IN_SEPTEMBER)
    keeper.received("7", IN_OCTOBER)

    assert keeper.sealed(SEPTEMBER, 1) == before
    account = keeper.desk.id(CLEARING)
    with keeper.database.transaction() as session:
        now_known = balance_as_of(session, 1, account, SEPTEMBER)
        then_known = balance_as_of(session, 1, account, OCTOBER, known_at=closing.closed_at)
    assert now_known == then_known == UZS("10")


def test_holds_that_are_open_are_listed_and_those_past_their_time_are_not(keeper, empty_url):
    keeper.received("100", IN_SEPTEMBER)
    lines = [
        hold(uuid4(), INCOME, CLEARING, UZS("30")),
        hold(uuid4(), INCOME, CLEARING, UZS("12")),
        hold(uuid4(), INCOME, CLEARING, UZS("7"), expires_at=(ends := soon())),
    ]
    assert keeper.desk.does(*lines, effective=IN_SEPTEMBER) is Outcome.POSTED
    as_superuser(empty_url, "SELECT pg_sleep(0.5)")
    closing = keeper.close(SEPTEMBER)

    with keeper.database.transaction() as session:
        sealed = [(held.count, held.rest) for held in held_at_closing(session, closing)]
        assert [(held.count, held.rest) for held in held_now(session, 1, at=ends)] == sealed
    assert sealed == [(2, UZS("42"))]


def test_clearing_that_has_not_come_to_zero_is_named(keeper):
    keeper.received("10", IN_SEPTEMBER)
    keeper.desk.does(Transfer(INCOME, CLEARING, UZS("10")), effective=IN_OCTOBER)

    with keeper.database.transaction() as session:
        left = [uncleared(session, keeper.period(day)) for day in (SEPTEMBER, OCTOBER)]
    assert [[(line.account.label, line.balance) for line in found] for found in left] == [
        [("1210 stripe", UZS("10"))],
        [],
    ]


def test_a_book_in_which_nothing_ever_happened_can_be_closed(keeper):
    closing = keeper.close(SEPTEMBER, OCTOBER)
    with keeper.database.transaction() as session:
        assert sealed_text(session, closing).count("\n") == 1
    assert not broken(keeper.database)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.period SET state = 'open'",
        "DELETE FROM ledger.period",
        "INSERT INTO ledger.period VALUES (1, '2027-01-31', '2027-01-01', '2026-12-31', 'open')",
        "UPDATE ledger.book SET closed_through = NULL",
        "UPDATE ledger.period_closing SET closed_by = ''",
        "DELETE FROM ledger.period_balance",
        "UPDATE ledger.period_reopening SET approved_by = 'staff:me'",
        "DELETE FROM ledger.period_hold",
        "UPDATE ledger.day_total SET debits_minor = 0",
        "SELECT ledger.move_period(1, '2026-09-30', 'open', 'closed')",
        "SELECT ledger.hold_still(1)",
    ],
)
def test_the_services_role_cannot_change_periods_by_any_other_way(
    keeper, server, service_login, statement
):
    service = Database(server.url(service_login, keeper.database.engine.url.database))
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        service.transaction() as session,
    ):
        session.execute(text(statement))
    service.close()


@pytest.mark.parametrize("table", ["period_closing", "period_balance", "period_hold"])
def test_what_was_sealed_is_refused_any_change_even_to_the_owner(keeper, empty_url, table):
    keeper.received("100", IN_SEPTEMBER)
    keeper.desk.does(hold(uuid4(), INCOME, CLEARING, UZS("30")), effective=IN_SEPTEMBER)
    keeper.close(SEPTEMBER)
    for statement in (
        f"DELETE FROM ledger.{table}",
        f"UPDATE ledger.{table} SET org_id = 2",
        f"TRUNCATE ledger.{table} CASCADE",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            as_superuser(empty_url, statement)


DAMAGE = [
    ("UPDATE ledger.book SET closed_through = NULL", "periods"),
    ("UPDATE ledger.book SET soft_closed_through = '2026-12-31'", "periods"),
    ("UPDATE ledger.period SET state = 'open' WHERE last_day = '2026-09-30'", "periods"),
    ("UPDATE ledger.period_balance SET debits_minor = debits_minor + 1", "sealed-balances"),
    ("UPDATE ledger.period_balance SET balance_minor = 0", "closings"),
    ("UPDATE ledger.period_balance SET seq = seq - 1", "closed-days"),
    ("DELETE FROM ledger.period_balance WHERE last_day = '2026-10-31'", "closed-days"),
    ("UPDATE ledger.transfer SET amount_minor = amount_minor + 1", "sealed-balances"),
    ("UPDATE ledger.transfer SET effective = '2026-09-16'", "sealed-balances"),
    ("UPDATE ledger.transfer SET effective = '2026-11-16'", "sealed-balances"),
    ("DELETE FROM ledger.transfer", "sealed-balances"),
    ("UPDATE ledger.period_closing SET trial_balance_hash = sha256('')", "closings"),
    ("DELETE FROM ledger.period_closing WHERE last_day = '2026-10-31'", "closings"),
    ("DELETE FROM ledger.journal WHERE transfers = 0", "closings"),
]


@pytest.mark.parametrize(("damage", "rule"), DAMAGE)
def test_the_proof_finds_what_a_superuser_has_done_to_closed_periods(
    keeper, empty_url, damage, rule
):
    keeper.received("10", IN_SEPTEMBER)
    keeper.received("5", IN_OCTOBER)
    keeper.close(SEPTEMBER, OCTOBER)
    keeper.received("3", IN_OCTOBER)
    seal(empty_url)
    assert not broken(keeper.database)
    table = damage.split("ledger.")[1].split(" ")[0]
    as_superuser(empty_url, f"ALTER TABLE ledger.{table} DISABLE TRIGGER ALL", damage)

    assert rule in broken(keeper.database)


def test_a_story_of_closings_and_reopenings_is_proved_whatever_the_clock_said(keeper, empty_url):
    keeper.received("10", IN_SEPTEMBER)
    keeper.received("20", IN_OCTOBER)
    keeper.close(SEPTEMBER, OCTOBER)
    for amount in ("1", "2"):
        keeper.reopen(OCTOBER)
        keeper.reopen(SEPTEMBER)
        assert keeper.adjusts(amount, IN_SEPTEMBER) is Outcome.POSTED
        keeper.close(SEPTEMBER)
        assert keeper.adjusts("5", IN_OCTOBER) is Outcome.POSTED
        keeper.close(OCTOBER)
    seal(empty_url)
    as_superuser(
        empty_url,
        "ALTER TABLE ledger.period_closing DISABLE TRIGGER ALL",
        "UPDATE ledger.period_closing SET closed_at = '2026-12-01'",
    )

    assert keeper.sealed(OCTOBER, 1)["1210 stripe"] == ("10.00", "20.00", "0.00", "30.00")
    assert keeper.sealed(OCTOBER, 3)["1210 stripe"] == ("13.00", "30.00", "0.00", "43.00")
    assert not broken(keeper.database)


def test_the_proof_finds_an_entry_that_was_put_into_a_closed_day(keeper, empty_url):
    keeper.received("10", IN_SEPTEMBER)
    keeper.close(SEPTEMBER)
    # As a superuser would: open the door, post by the ledger's own function, close it again.
    as_superuser(
        empty_url, "UPDATE ledger.book SET closed_through = NULL, soft_closed_through = NULL"
    )
    keeper.received("5", IN_SEPTEMBER)
    as_superuser(
        empty_url,
        "UPDATE ledger.book SET closed_through = '2026-09-30', soft_closed_through = '2026-09-30'"
        " WHERE org_id = 1",
    )

    assert broken(keeper.database) == {"closed-days"}


def test_the_proof_finds_an_entry_of_a_new_account_on_a_closed_day(keeper, empty_url):
    keeper.close(SEPTEMBER)
    as_superuser(
        empty_url, "UPDATE ledger.book SET closed_through = NULL, soft_closed_through = NULL"
    )
    assert keeper.desk.does(Transfer(CLEARING, CREDIT, UZS("1")), effective=IN_SEPTEMBER)
    as_superuser(
        empty_url,
        "UPDATE ledger.book SET closed_through = '2026-09-30', soft_closed_through = '2026-09-30'"
        " WHERE org_id = 1",
    )

    assert broken(keeper.database) == {"closed-days"}
