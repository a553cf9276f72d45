"""Posting: exactly once, all or nothing, and only through the one function."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError

from foundation.database import Database
from ledger.accounts import AccountKey, account_id, open_book
from ledger.books import prove
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Outcome, Transfer
from ledger.money import UZS, Money
from ledger.posting import NotPosted, post, post_all

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
INCOME = AccountKey(REVENUE, "republican-budget", "UZS")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
DAY = date(2026, 11, 20)


def journal(key: str, *transfers: Transfer, org_id: int = 1) -> Journal:
    return Journal(org_id, "test", key, JournalKind.PAYMENT_CONFIRMED, DAY, transfers)


def received(amount: Money) -> Transfer:
    return Transfer(CLEARING, INCOME, amount)


@pytest.fixture
def books(empty: Database) -> Database:
    with empty.transaction() as session:
        open_book(session, 1)
        open_book(session, 2)
    return empty


def posted(books: Database, *journals: Journal) -> list[Outcome]:
    with books.transaction() as session:
        return [posting.outcome for posting in post(session, journals)]


def balance(books: Database, key: AccountKey, org_id: int = 1) -> int:
    with books.transaction() as session:
        account = account_id(session, org_id, key)
        row = session.execute(
            text("SELECT posted FROM ledger.account WHERE org_id = :o AND id = :i"),
            {"o": org_id, "i": account},
        )
        return int(row.scalar_one())


def holds(books: Database) -> bool:
    with books.transaction() as session:
        return all(check.holds for check in prove(session))


def test_the_same_key_again_changes_nothing_and_gets_the_first_answer(books):
    first = journal("a", received(UZS("10")))
    with books.transaction() as session:
        told = post(session, [first])[0]
    with books.transaction() as session:
        again = post(session, [first])[0]

    assert (again.outcome, again.first_id, again.replayed) == (told.outcome, told.first_id, True)
    assert balance(books, CLEARING) == 10_00


def test_another_body_under_a_known_key_is_a_conflict_without_effect(books):
    posted(books, journal("a", received(UZS("10"))))

    assert posted(books, journal("a", received(UZS("11")))) == [Outcome.KEY_REUSED]
    assert balance(books, CLEARING) == 10_00


def test_a_refusal_is_remembered_even_when_it_would_pass_now(books):
    refund = journal("refund", Transfer(CREDIT, CLEARING, UZS("5")))
    assert posted(books, refund) == [Outcome.INSUFFICIENT]
    posted(books, journal("credit", Transfer(CLEARING, CREDIT, UZS("5"))))

    assert posted(books, refund) == [Outcome.INSUFFICIENT]
    assert holds(books)


def test_a_refused_journal_leaves_none_of_its_transfers_and_does_not_hurt_its_neighbours(books):
    poison = journal("poison", received(UZS("7")), Transfer(CREDIT, CLEARING, UZS("1")))
    outcomes = posted(
        books, journal("a", received(UZS("1"))), poison, journal("b", received(UZS("2")))
    )

    assert outcomes == [Outcome.POSTED, Outcome.INSUFFICIENT, Outcome.POSTED]
    assert balance(books, CLEARING) == 3_00
    assert holds(books)


def test_journals_of_one_call_are_decided_in_order(books):
    spend = journal("spend", Transfer(CREDIT, CLEARING, UZS("5")))
    earn = journal("earn", Transfer(CLEARING, CREDIT, UZS("5")))

    assert posted(books, earn, spend) == [Outcome.POSTED, Outcome.POSTED]
    assert holds(books)


def test_a_key_that_stands_twice_in_one_call_is_posted_once(books):
    twice = journal("a", received(UZS("4")))

    assert posted(books, twice, twice, journal("a", received(UZS("5")))) == [
        Outcome.POSTED,
        Outcome.POSTED,
        Outcome.KEY_REUSED,
    ]
    assert balance(books, CLEARING) == 4_00
    assert holds(books)


@pytest.mark.parametrize("minor", [0, -1, 10**15 + 1, 2**62])
def test_an_amount_out_of_range_is_refused(books, minor):
    refused = journal("a", received(Money(minor, "UZS")))

    assert posted(books, refused) == [Outcome.AMOUNT_OUT_OF_RANGE]


def test_two_sides_in_one_account_or_in_two_currencies_are_refused(books):
    euro = AccountKey(REVENUE, "republican-budget", "EUR")

    assert posted(books, journal("a", Transfer(CLEARING, CLEARING, UZS("1")))) == [
        Outcome.ONE_ACCOUNT_TWICE
    ]
    assert posted(books, journal("b", Transfer(CLEARING, euro, UZS("1")))) == [
        Outcome.CURRENCIES_DIFFER
    ]


def test_a_frozen_account_takes_nothing(books, empty_url):
    posted(books, journal("a", received(UZS("1"))))
    _as_superuser(empty_url, "UPDATE ledger.account SET state = 2 WHERE number = '1210'")

    assert posted(books, journal("b", received(UZS("1")))) == [Outcome.ACCOUNT_NOT_OPEN]


def test_a_business_operation_takes_a_refusal_back_as_a_whole(books):
    good = journal("good", received(UZS("1")))
    bad = journal("bad", Transfer(CREDIT, CLEARING, UZS("1")))
    with pytest.raises(NotPosted) as refusal, books.transaction() as session:
        post_all(session, [good, bad])

    assert refusal.value.facts["outcome"] == "INSUFFICIENT"
    assert balance(books, CLEARING) == 0


def test_one_key_posted_by_many_at_once_moves_the_money_once(books):
    posted(books, journal("warm", received(UZS("1"))))
    same = journal("same", received(UZS("9")))
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: posted(books, same)[0], range(32)))

    assert set(outcomes) == {Outcome.POSTED}
    assert balance(books, CLEARING) == 10_00
    assert holds(books)


def test_crossing_transfers_of_many_writers_never_deadlock(books):
    posted(books, journal("w", Transfer(CLEARING, CREDIT, UZS("1000"))))

    def shuttle(number: int) -> Outcome:
        way = (CLEARING, CREDIT) if number % 2 else (CREDIT, CLEARING)
        return posted(books, journal(f"j{number}", Transfer(*way, UZS("1"))))[0]

    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(shuttle, range(80)))

    assert outcomes == {Outcome.POSTED}
    assert holds(books)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.transfer DEFAULT VALUES",
        "UPDATE ledger.transfer SET amount_minor = 1",
        "DELETE FROM ledger.transfer",
        "TRUNCATE ledger.transfer",
        "INSERT INTO ledger.journal SELECT * FROM ledger.journal",
        "UPDATE ledger.journal SET outcome = 1",
        "DELETE FROM ledger.unsealed",
        "UPDATE ledger.account SET posted = 0",
        "DELETE FROM ledger.account",
        "UPDATE ledger.book SET state = 1",
        "INSERT INTO ledger.account SELECT * FROM ledger.account",
        "ALTER TABLE ledger.transfer DISABLE TRIGGER ALL",
        "CREATE TABLE ledger.mine (id int)",
        "UPDATE history.event SET what = ''",
        "DELETE FROM history.event",
        "SET ROLE mizon_owner; UPDATE ledger.account SET posted = 0",
    ],
)
def test_the_services_role_cannot_write_to_the_ledger_by_any_other_way(
    books, server, service_login, statement
):
    posted(books, journal("a", received(UZS("10"))))
    service = Database(server.url(service_login, books.engine.url.database))

    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        service.transaction() as s,
    ):
        s.execute(text(statement))
    service.close()


@pytest.mark.parametrize("table", ["transfer", "journal"])
def test_a_written_row_is_refused_any_change_even_to_the_owner(books, empty_url, table):
    posted(books, journal("a", received(UZS("10"))))
    for statement in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table}"):
        with pytest.raises(ProgrammingError, match="append-only"):
            _as_superuser(empty_url, statement)


def test_the_proof_names_a_balance_that_was_changed_behind_its_back(books, empty_url):
    posted(books, journal("a", received(UZS("10"))))
    _as_superuser(empty_url, "UPDATE ledger.account SET posted = posted + 1 WHERE number = '4010'")

    with books.transaction() as session:
        broken = {check.name: check.difference for check in prove(session) if not check.holds}
    assert set(broken) == {"balances", "trial-balance"}
    assert (broken["balances"]["stored"], broken["balances"]["recomputed"]) == (10_01, 10_00)


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("UPDATE ledger.transfer SET amount_minor = amount_minor + 1", "balances"),
        ("UPDATE ledger.transfer SET debit_balance = 1", "running"),
        ("UPDATE ledger.transfer SET credit_seq = 7", "running"),
        ("DELETE FROM ledger.transfer", "journals"),
        ("DELETE FROM ledger.journal", "journals"),
        ("UPDATE ledger.transfer SET currency = 978", "accounts"),
        ("DELETE FROM ledger.unsealed", "batches"),
        ("UPDATE ledger.account SET normal_side = -normal_side", "balances"),
    ],
)
def test_the_proof_finds_what_a_superuser_has_damaged(books, empty_url, damage, rule):
    posted(books, journal("a", received(UZS("10"))), journal("b", received(UZS("3"))))
    table = damage.split("ledger.")[1].split(" ")[0]
    _as_superuser(empty_url, f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER; {damage}")

    with books.transaction() as session:
        assert rule in {check.name for check in prove(session) if not check.holds}


def _as_superuser(url: str, statement: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
