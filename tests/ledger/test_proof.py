"""The proof of the books: whoever changes a row behind the writer's back, a rule names it and its book."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.database import Database
from foundation.ids import new_id
from ledger.books import Check, against_each_book, not_agreeing, prove, take_snapshot
from ledger.currency_rules import RULES as CURRENCIES
from ledger.evidence.proof import RULES as EVIDENCE
from ledger.journals import Transfer as Move
from ledger.journals import capture, hold, release, reverse
from ledger.money import UZS
from ledger.periods.proof import RULES as PERIODS
from ledger.rule import Rule
from ledger.rules import RULES
from service.embedded import EmbeddedServer
from tests.conftest import TEMPLATE
from tests.conftest import _copy as copy
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk

SOUND_BOOK, BROKEN_BOOK = 1, 2


@pytest.fixture(scope="module")
def town(server: EmbeddedServer, admin: Engine, templates: None) -> Iterator[Desk]:
    """Two books with the same of everything, for the whole module: what is damaged is taken back."""
    for url in copy(server, admin, TEMPLATE):
        database = Database(url)
        desk = Desk(database).open()
        for book in (SOUND_BOOK, BROKEN_BOOK):
            live_a_day(desk, book)
        desk.proves()
        yield desk
        database.close()


def live_a_day(desk: Desk, book: int) -> None:
    kept = new_id()
    first = desk.post(desk.journal(Move(CLEARING, INCOME, UZS("70")), org_id=book))[0].first_id
    for _ in range(70):  # so that there is a landmark
        desk.post(desk.journal(Move(CLEARING, CREDIT, UZS("5")), org_id=book))
    for line in (
        hold(kept, CREDIT, CLEARING, UZS("9")),
        capture(kept, CREDIT, CLEARING, UZS("4")),
        release(kept, CREDIT, CLEARING, UZS("2")),
        reverse(first or 0, INCOME, CLEARING, UZS("30")),
    ):
        assert desk.does(line, org_id=book).name == "POSTED"


def damaged(desk: Desk, *statements: str) -> list[Check]:
    """What the proof finds after this damage, which is taken back; no trigger stands in its way."""
    with create_engine(desk.database.url, poolclass=NullPool).connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        for statement in statements:
            assert connection.execute(text(statement.format(book=BROKEN_BOOK))).rowcount
        with Session(connection) as session:
            checks = list(prove(session, RULES))
        connection.rollback()
    return [check for check in checks if not check.holds]


OF_ONE = (
    "id = (SELECT max(id) FROM ledger.transfer"
    " WHERE org_id = {book} AND reverses IS NULL AND hold IS NULL)"
)
DAMAGE: list[tuple[str, str]] = [
    (
        "UPDATE ledger.account SET posted = posted + 1 WHERE org_id = {book} AND number = '4010'",
        "balances",
    ),
    (
        "UPDATE ledger.account SET seq = seq + 1 WHERE org_id = {book} AND number = '4010'",
        "balances",
    ),
    (f"UPDATE ledger.transfer SET amount_minor = amount_minor + 1 WHERE {OF_ONE}", "balances"),
    (f"UPDATE ledger.transfer SET debit_balance = debit_balance - 1 WHERE {OF_ONE}", "running"),
    (f"UPDATE ledger.transfer SET credit_seq = credit_seq + 1 WHERE {OF_ONE}", "running"),
    (f"UPDATE ledger.transfer SET debit_previous = 0 WHERE {OF_ONE}", "running"),
    ("UPDATE ledger.account SET last_transfer = 8192 WHERE org_id = {book}", "running"),
    (
        "UPDATE ledger.transfer SET debit_balance = 9223372036854775807 WHERE org_id = {book}",
        "running",
    ),
    ("DELETE FROM ledger.landmark WHERE org_id = {book}", "landmarks"),
    ("UPDATE ledger.landmark SET seq = seq - 1 WHERE org_id = {book}", "landmarks"),
    (
        "UPDATE ledger.account SET posted = posted + 1 WHERE org_id = {book} AND number = '1210'",
        "trial-balance",
    ),
    (f"DELETE FROM ledger.transfer WHERE {OF_ONE}", "journals"),
    ("DELETE FROM ledger.journal WHERE org_id = {book}", "journals"),
    ("UPDATE ledger.journal SET transfers = 2 WHERE org_id = {book}", "journals"),
    ("UPDATE ledger.journal SET outcome = 9 WHERE org_id = {book}", "journals"),
    ("UPDATE ledger.journal SET first_id = first_id + 1 WHERE org_id = {book}", "journals"),
    (
        "UPDATE ledger.journal SET first_id = 1, transfers = 0 WHERE org_id = {book} AND first_id IS NULL",
        "journals",
    ),
    (f"UPDATE ledger.transfer SET journal = gen_random_uuid() WHERE {OF_ONE}", "journals"),
    (f"UPDATE ledger.transfer SET currency = 978 WHERE {OF_ONE}", "accounts"),
    (f"UPDATE ledger.transfer SET debit_account = 1 WHERE {OF_ONE}", "accounts"),
    ("UPDATE ledger.transfer SET kind = 99 WHERE org_id = {book}", "kinds"),
    (
        "UPDATE ledger.transfer SET credit_balance = -9223372036854775808 WHERE org_id = {book}",
        "kinds",
    ),
    ("UPDATE ledger.account SET state = 9 WHERE org_id = {book}", "kinds"),
    ("UPDATE ledger.account SET last_transfer = 0 WHERE org_id = {book}", "kinds"),
    ("UPDATE ledger.account SET held_out = held_out + 1 WHERE org_id = {book}", "holds"),
    (
        "UPDATE ledger.hold SET captured_minor = captured_minor + 1 WHERE org_id = {book}",
        "captures",
    ),
    ("DELETE FROM ledger.hold_line WHERE org_id = {book}", "captures"),
    ("DELETE FROM ledger.capture WHERE org_id = {book}", "captures"),
    (
        "UPDATE ledger.reversal SET reversed_minor = reversed_minor - 1 WHERE org_id = {book}",
        "reversals",
    ),
    ("DELETE FROM ledger.reversal WHERE org_id = {book}", "reversals"),
    ("UPDATE ledger.unsealed SET batch = batch + 1 WHERE org_id = {book}", "batches"),
    ("UPDATE ledger.journal SET place = 7 WHERE org_id = {book}", "batches"),
]


@pytest.mark.parametrize(
    ("damage", "rule"), DAMAGE, ids=[f"{rule}-{n}" for n, (_, rule) in enumerate(DAMAGE)]
)
def test_what_is_changed_in_a_book_is_named_and_speaks_against_no_other_book(town, damage, rule):
    broken = {check.name: check for check in damaged(town, damage)}

    assert rule in broken
    assert broken[rule].difference
    assert set(not_agreeing(broken.values())) == {BROKEN_BOOK}


def test_no_rule_of_accounts_and_journals_is_left_without_damage():
    elsewhere = {rule.name for rule in (*CURRENCIES, *PERIODS, *EVIDENCE)}
    elsewhere |= {"due-to-due-from", "limits"}
    assert {rule for _, rule in DAMAGE} == {rule.name for rule in RULES} - elsewhere


ABSURD = "UPDATE ledger.transfer SET debit_balance = 9223372036854775807 WHERE org_id = {book}"


def test_a_rule_that_cannot_be_computed_is_a_difference_and_the_others_are_still_asked(town):
    found = {check.name: check for check in damaged(town, ABSURD)}

    assert "out of range" in found["running"].difference["fault"]
    assert found["running"].books == ()
    assert found["kinds"].books == (BROKEN_BOOK,)


def test_a_rule_that_cannot_be_computed_shuts_no_book_and_speaks_for_none(town):
    impossible = Rule("impossible", "Nothing.", "SELECT 1", "SELECT 1 / 0 AS org_id")
    with town.database.transaction() as session:
        checks = list(prove(session, [impossible]))

    assert not_agreeing(checks) == {}
    assert against_each_book(checks, [1, 2]) == {1: ["impossible"], 2: ["impossible"]}


def test_every_book_with_a_difference_is_named_and_the_first_difference_shown(town):
    posted = (
        "UPDATE ledger.account SET posted = posted + {0} WHERE number = '4010' AND org_id = {1}"
    )
    (balances, trial) = damaged(town, posted.format(3, 2), posted.format(2, 1))

    assert (balances.name, balances.books) == ("balances", (1, 2))
    assert balances.difference["org_id"] == 1
    assert balances.difference["stored"] - balances.difference["recomputed"] == 2
    assert trial.difference == {"org_id": 1, "currency": 860, "debits_less_credits": -2}


def test_a_difference_between_two_books_shuts_neither(town):
    between = "UPDATE ledger.account SET number = '2220', name = '1' WHERE number = '2320'"
    checks = damaged(town, between + " AND org_id = {book}")

    assert [check.name for check in checks] == ["due-to-due-from"]
    assert not_agreeing(checks) == {}


def test_a_check_is_written_as_json_as_it_stands(town):
    (check, *_) = damaged(
        town, "UPDATE ledger.journal SET first_id = first_id + 1 WHERE org_id = 2"
    )

    told = check.as_json()
    assert set(told) == {"name", "sentence", "examined", "milliseconds", "books", "difference"}
    assert (told["name"], told["books"]) == ("journals", [2])
    assert isinstance(told["difference"]["journal"], str)


def test_a_snapshot_sees_one_moment_and_changes_nothing(town):
    with town.database.transaction() as session:
        snapshot = take_snapshot(session)
        before = [check.examined for check in prove(session)]
        town.post(town.journal(Move(CLEARING, INCOME, UZS("1"))))
        assert [check.examined for check in prove(session)] == before
    assert "/" in snapshot.lsn

    with town.database.transaction() as session:
        take_snapshot(session)
        with pytest.raises(DBAPIError, match="read-only"):
            session.execute(text("SELECT ledger.open_book(9)"))
