"""Two books: what one owes the other is what the other expects, for every pair and currency."""

import pytest

from foundation.database import Database
from ledger.accounts import AccountKey
from ledger.between import BookSide, between, due_from, due_to
from ledger.books import prove
from ledger.chart import BANK, REVENUE, JournalKind
from ledger.currencies import CODES
from ledger.journals import Outcome, Transfer
from ledger.money import UZS, Money
from ledger.posting import NotPosted, post_all
from tests.ledger.desk import CREDIT, DAY, Desk
from tests.superuser import as_superuser

ACCOUNT = AccountKey(BANK, "20208000900000000001", "UZS")
INCOME = AccountKey(REVENUE, "republican-budget", "UZS")
COLLECTOR = BookSide(1, JournalKind.BANK_TRANSFER_RECEIVED, ACCOUNT)
AGENCY = BookSide(2, JournalKind.PAYMENT_CONFIRMED, INCOME)


@pytest.fixture
def desk(empty: Database) -> Desk:
    return Desk(empty).open()


def owed(desk: Desk, amount: Money, key: str = "a", creditor: BookSide = AGENCY) -> None:
    pair = between(COLLECTOR, creditor, amount, source="test", key=key, effective=DAY)
    with desk.database.transaction() as session:
        post_all(session, pair)


def differences(desk: Desk) -> dict:
    with desk.database.transaction() as session:
        return {check.name: check.difference for check in prove(session) if not check.holds}


def test_half_of_a_pair_is_found_by_the_proof_which_names_both_books(desk):
    half = Transfer(ACCOUNT, due_to(2, "UZS"), UZS("5"))
    assert desk.does(half) is Outcome.POSTED

    found = differences(desk)["due-to-due-from"]
    assert found["currency"] in CODES
    shown = {name: found[name] for name in ("creditor", "debtor", "expected", "owed")}
    assert shown == {"creditor": "2", "debtor": "1", "expected": 0, "owed": 500}


def test_what_two_owe_each_other_is_not_set_off(desk):
    owed(desk, UZS("5"))
    desk.does(Transfer(due_from(2, "UZS"), INCOME, UZS("5")))  # and 2 owes it nothing

    assert set(differences(desk)) == {"due-to-due-from"}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger.account SET posted = posted + 1 WHERE number = '2220'",
        "UPDATE ledger.account SET posted = posted - 1 WHERE number = '1330'",
        "UPDATE ledger.account SET name = '3' WHERE number = '2220'",
        "UPDATE ledger.account SET name = '' WHERE number = '1330'",
        "UPDATE ledger.account SET currency = 978 WHERE number = '1330'",
    ],
)
def test_the_proof_finds_a_pair_that_does_not_meet(desk, empty_url, damage):
    owed(desk, UZS("5"))
    desk.proves()
    as_superuser(empty_url, damage)

    assert "due-to-due-from" in differences(desk)


def test_when_one_book_refuses_neither_has_anything(desk):
    empty_purse = BookSide(2, JournalKind.PAYMENT_CONFIRMED, CREDIT)
    pair = between(
        BookSide(1, JournalKind.PAYMENT_CONFIRMED, CREDIT),
        empty_purse,
        UZS("5"),
        source="test",
        key="a",
        effective=DAY,
    )
    with pytest.raises(NotPosted), desk.database.transaction() as session:
        post_all(session, pair)

    assert desk.balance(due_from(1, "UZS"), 2) == "0.00"
    desk.proves()


def test_a_book_owes_nothing_to_itself():
    with pytest.raises(ValueError, match="itself"):
        between(COLLECTOR, COLLECTOR, UZS("1"), source="test", key="a", effective=DAY)


def test_both_books_say_the_same_of_each_other_under_one_correlation(desk):
    owed(desk, UZS("5"))

    assert desk.balance(due_to(2, "UZS")) == desk.balance(due_from(1, "UZS"), 2) == "5.00"
    first, second = between(COLLECTOR, AGENCY, UZS("5"), source="s", key="k", effective=DAY)
    assert (first.org_id, second.org_id) == (1, 2)
    assert first.doc == second.doc == {"correlation": "s:k"}
    desk.proves()


def test_what_is_paid_back_goes_the_other_way_in_both(desk):
    owed(desk, UZS("5"), "a")
    owed(desk, UZS("-3"), "b")

    assert desk.balance(due_to(2, "UZS")) == desk.balance(due_from(1, "UZS"), 2) == "2.00"
    assert desk.balance(ACCOUNT) == "2.00"
    desk.proves()


def test_every_currency_of_a_pair_meets_for_itself(desk):
    owed(desk, UZS("5"), "a")
    dollars = AccountKey(BANK, "20208840900000000001", "USD"), AccountKey(REVENUE, "x", "USD")
    pair = between(
        BookSide(1, COLLECTOR.kind, dollars[0]),
        BookSide(2, AGENCY.kind, dollars[1]),
        Money(7_00, "USD"),
        source="test",
        key="b",
        effective=DAY,
    )
    with desk.database.transaction() as session:
        post_all(session, pair)

    desk.proves()
    desk.does(Transfer(due_to(2, "USD"), dollars[0], Money(1, "USD")))
    assert differences(desk)["due-to-due-from"]["owed"] == 699
