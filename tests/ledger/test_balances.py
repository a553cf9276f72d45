"""Reading the ledger: the trial balance, statements page by page, a journal's transfers."""

from datetime import date

import pytest

from foundation.database import Database
from ledger.accounts import AccountKey, account_id, open_book
from ledger.balances import STATEMENT_PAGE, journal_lines, statement, trial_balance
from ledger.chart import PAYER_CREDIT, PROVIDER_CLEARING, REVENUE, JournalKind
from ledger.journals import Journal, Transfer
from ledger.money import UZS, Money
from ledger.posting import post, post_all

CLEARING = AccountKey(PROVIDER_CLEARING, "stripe", "UZS")
BUDGET = AccountKey(REVENUE, "republican-budget", "UZS")
LOCAL = AccountKey(REVENUE, "local-budget", "UZS")
CREDIT = AccountKey(PAYER_CREDIT, "", "UZS")
DAY = date(2026, 11, 20)


@pytest.fixture
def books(empty: Database) -> Database:
    with empty.transaction() as session:
        open_book(session, 1)
        open_book(session, 2)
    return empty


def journal(key: str, *transfers: Transfer, org_id: int = 1) -> Journal:
    return Journal(org_id, "test", key, JournalKind.PAYMENT_CONFIRMED, DAY, transfers)


def post_one(books: Database, key: str, *transfers: Transfer, org_id: int = 1) -> int:
    with books.transaction() as session:
        return post_all(session, [journal(key, *transfers, org_id=org_id)])[0].first_id


def turnovers(books: Database, org_id: int = 1) -> dict[str, tuple[str, str, str]]:
    with books.transaction() as session:
        return {
            line.account.label: (str(line.debits), str(line.credits), str(line.account.balance))
            for line in trial_balance(session, org_id)
        }


def test_a_refused_journal_is_in_no_trial_balance(books):
    with books.transaction() as session:
        post(session, [journal("a", Transfer(CREDIT, CLEARING, UZS("5")))])

    zero = ("0.00 UZS", "0.00 UZS", "0.00 UZS")
    assert turnovers(books) == {"1210 stripe": zero, "2320": zero}


def test_another_books_accounts_are_not_in_the_trial_balance(books):
    post_one(books, "a", Transfer(CLEARING, BUDGET, UZS("5")), org_id=2)

    assert turnovers(books) == {}
    assert set(turnovers(books, 2)) == {"1210 stripe", "4010 republican-budget"}


def test_two_currencies_of_one_name_are_two_lines(books):
    post_one(books, "a", Transfer(CLEARING, BUDGET, UZS("5")))
    euro = AccountKey(PROVIDER_CLEARING, "stripe", "EUR"), AccountKey(REVENUE, "x", "EUR")
    post_one(books, "b", Transfer(*euro, Money(7_00, "EUR")))

    with books.transaction() as session:
        lines = trial_balance(session, 1)
    assert [str(line.debits) for line in lines if line.account.number == "1210"] == [
        "5.00 UZS",
        "7.00 EUR",
    ]


def test_the_trial_balance_shows_turnovers_and_sums_to_nothing(books):
    post_one(
        books, "a", Transfer(CLEARING, BUDGET, UZS("70")), Transfer(CLEARING, LOCAL, UZS("30"))
    )
    post_one(books, "b", Transfer(BUDGET, CLEARING, UZS("20")))

    assert turnovers(books) == {
        "1210 stripe": ("100.00 UZS", "20.00 UZS", "80.00 UZS"),
        "4010 local-budget": ("0.00 UZS", "30.00 UZS", "30.00 UZS"),
        "4010 republican-budget": ("20.00 UZS", "70.00 UZS", "50.00 UZS"),
    }
    with books.transaction() as session:
        lines = trial_balance(session, 1)
    assert sum(line.debits.minor - line.credits.minor for line in lines) == 0


def pages(books: Database, key: AccountKey) -> list[list]:
    found, before = [], None
    with books.transaction() as session:
        account = account_id(session, 1, key)
        while page := statement(session, 1, account, before_seq=before):
            found.append(page)
            before = page[-1].seq
    return found


def test_pages_of_a_statement_follow_each_other_without_gap_or_repeat(books):
    count = 2 * STATEMENT_PAGE + 3
    with books.transaction() as session:
        post_all(
            session,
            [journal(f"j{n}", Transfer(CLEARING, BUDGET, UZS("1"))) for n in range(count)],
        )

    found = pages(books, CLEARING)
    assert [len(page) for page in found] == [STATEMENT_PAGE, STATEMENT_PAGE, 3]
    assert [entry.seq for page in found for entry in page] == list(range(count, 0, -1))


def test_before_the_first_movement_there_is_no_page(books):
    post_one(books, "a", Transfer(CLEARING, BUDGET, UZS("1")))
    with books.transaction() as session:
        account = account_id(session, 1, CLEARING)
        assert statement(session, 1, account, before_seq=1) == []
        assert statement(session, 1, account, before_seq=0) == []


def test_each_entry_of_a_statement_shows_the_balance_it_left_on_the_normal_side(books):
    post_one(books, "a", Transfer(CLEARING, BUDGET, UZS("70")))
    post_one(books, "b", Transfer(BUDGET, CLEARING, UZS("100")))

    (of_clearing,), (of_budget,) = pages(books, CLEARING), pages(books, BUDGET)
    assert [(str(e.debit), str(e.credit), str(e.balance)) for e in of_clearing] == [
        ("None", "100.00 UZS", "-30.00 UZS"),
        ("70.00 UZS", "None", "70.00 UZS"),
    ]
    assert [str(entry.balance) for entry in of_budget] == ["-30.00 UZS", "70.00 UZS"]
    assert {entry.effective for entry in of_budget} == {DAY}


def test_the_statement_of_another_books_account_is_empty(books):
    post_one(books, "a", Transfer(CLEARING, BUDGET, UZS("1")), org_id=2)
    with books.transaction() as session:
        account = account_id(session, 2, CLEARING)
        assert statement(session, 1, account) == []


def test_a_journal_is_shown_with_its_own_transfers_only(books):
    post_one(books, "before", Transfer(CLEARING, BUDGET, UZS("1")))
    first = post_one(
        books, "a", Transfer(CLEARING, BUDGET, UZS("70")), Transfer(CLEARING, LOCAL, UZS("30"))
    )
    post_one(books, "after", Transfer(CLEARING, BUDGET, UZS("1")))

    with books.transaction() as session:
        shown = [
            (line.debit.label, line.credit.label, str(line.amount), line.kind, line.effective)
            for line in journal_lines(session, 1, first, 2)
        ]
    kind = JournalKind.PAYMENT_CONFIRMED
    assert shown == [
        ("1210 stripe", "4010 republican-budget", "70.00 UZS", kind, DAY),
        ("1210 stripe", "4010 local-budget", "30.00 UZS", kind, DAY),
    ]
