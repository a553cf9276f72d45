"""Taking back what was posted: never above it, never twice, in parts that sum, on an open day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from sqlalchemy import text

from foundation.database import Database
from foundation.ids import new_id
from ledger.accounts import AccountKey, ReasonMissing
from ledger.chart import PAYER_CREDIT, REVENUE, JournalKind
from ledger.journals import Outcome, Posting, Transfer, capture, hold, reverse
from ledger.money import UZS, CurrenciesDiffer, Money
from ledger.posting import NotPosted
from ledger.reversals import (
    JournalNotFound,
    NothingToReverse,
    ReversalExceeds,
    ReversalReversed,
    SeveralCurrencies,
    originals_of,
    reverse_journal,
)
from tests.ledger.desk import CLEARING, CREDIT, DAY, INCOME, KEEPER, Desk
from tests.superuser import as_superuser, rows

LOCAL = AccountKey(REVENUE, "local-budget", "UZS")
WHY = "posted to the wrong service"


@pytest.fixture
def desk(empty: Database) -> Desk:
    return Desk(empty).open()


def confirmed(desk: Desk, *amounts: str) -> Posting:
    """A payment split over the republican and the local budget."""
    lines = [
        Transfer(CLEARING, to, UZS(amount))
        for to, amount in zip((INCOME, LOCAL), amounts, strict=False)
    ]
    return desk.post(desk.journal(*lines))[0]


def back(desk: Desk, journal, amount: str | None = None, *, key="back", **more) -> Posting:
    asked = {"reason": WHY, "effective": DAY, "by": KEEPER} | more
    part = None if amount is None else UZS(amount)
    with desk.database.transaction() as session:
        return reverse_journal(session, 1, journal, key=key, amount=part, **asked)


def moves(desk: Desk, journal) -> list[tuple[str, str, str]]:
    query = """
    SELECT d.number || ' ' || d.name, c.number || ' ' || c.name, t.amount_minor / 100.0
      FROM ledger.transfer t JOIN ledger.account d ON d.id = t.debit_account
      JOIN ledger.account c ON c.id = t.credit_account WHERE t.journal = :journal ORDER BY t.id
    """
    return [
        (*sides, f"{amount:.2f}")
        for *sides, amount in rows(desk.database.url, query, journal=journal)
    ]


def test_no_more_is_taken_back_than_was_posted_however_often_it_is_asked(desk):
    original = confirmed(desk, "70.00", "30.00").journal
    back(desk, original, "60.00", key="a")
    with pytest.raises(ReversalExceeds) as refusal:
        back(desk, original, "40.01", key="b")
    assert refusal.value.facts["left"] == UZS("40.00")

    back(desk, original, "40.00", key="b")
    for amount in ("0.01", None):
        with pytest.raises(NothingToReverse):
            back(desk, original, amount, key="c")
    assert (desk.balance(CLEARING), desk.balance(INCOME), desk.balance(LOCAL)) == ("0.00",) * 3
    desk.proves()


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "100.01"])
def test_a_part_must_be_something_and_no_more_than_the_whole(desk, amount):
    original = confirmed(desk, "70.00", "30.00").journal
    with pytest.raises(ReversalExceeds):
        back(desk, original, amount)


def test_two_at_once_who_take_the_whole_back_do_it_once(desk):
    start = Barrier(2)

    def take(original, key):
        start.wait()
        try:
            return back(desk, original, key=key).outcome
        except NothingToReverse:
            return NothingToReverse

    with ThreadPoolExecutor(2) as pool:
        for number in range(6):
            original = confirmed(desk, "70.00", "30.00").journal
            asked = [pool.submit(take, original, f"{number}{twin}") for twin in "ab"]
            assert {each.result() for each in asked} == {Outcome.POSTED, NothingToReverse}
    assert desk.balance(CLEARING) == "0.00"
    desk.proves()


def test_parts_taken_back_at_once_by_many_never_exceed_any_line(desk):
    original = confirmed(desk, "66.67", "33.33").journal
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: back(desk, original, "9.99", key=f"k{n}"), range(10)))
    with desk.database.transaction() as session:
        left = [one.left_minor for one in originals_of(session, 1, original)]

    assert sum(left) == 10
    assert all(minor >= 0 for minor in left)
    back(desk, original, key="rest")
    desk.proves()


def test_the_same_key_again_gets_the_first_answer_and_another_request_is_refused(desk):
    original, other = (confirmed(desk, "70.00", "30.00").journal for _ in range(2))
    first = back(desk, original, "50.00")
    back(desk, original, "25.00", key="between")  # what is left has changed since

    again = back(desk, original, "50.00", reason="in other words")
    assert (again.journal, again.first_id, again.replayed) == (first.journal, first.first_id, True)
    for change in (
        {"amount": "49.00"},
        {"amount": None},
        {"amount": "50.00", "effective": date(2026, 11, 21)},
    ):
        with pytest.raises(NotPosted) as refusal:
            back(desk, original, **change)
        assert refusal.value.facts["outcome"] == "KEY_REUSED"
    with pytest.raises(NotPosted):
        back(desk, other, "50.00")
    assert desk.balance(CLEARING) == "125.00"


def test_a_whole_reversal_asked_for_again_is_recognised(desk):
    original = confirmed(desk, "70.00", "30.00").journal
    back(desk, original)

    assert back(desk, original).replayed
    assert desk.balance(CLEARING) == "0.00"


def test_money_that_was_spent_since_cannot_be_taken_back(desk):
    original = desk.post(desk.journal(Transfer(CLEARING, CREDIT, UZS("10"))))[0].journal
    desk.does(Transfer(CREDIT, INCOME, UZS("4")))

    with pytest.raises(NotPosted) as refusal:
        back(desk, original)
    assert refusal.value.facts["outcome"] == "INSUFFICIENT"
    back(desk, original, "6.00")  # and the refusal has not used the key up
    desk.proves()


def test_what_takes_back_is_not_taken_back_itself(desk):
    reversal = back(desk, confirmed(desk, "70.00").journal)

    with pytest.raises(ReversalReversed):
        back(desk, reversal.journal, key="again")
    # Nor by a journal that somebody makes by hand.
    line = reverse(reversal.first_id, CLEARING, INCOME, UZS("70"))
    assert desk.does(line) is Outcome.ORIGINAL_UNKNOWN


def test_a_journal_that_was_refused_moved_nothing_or_is_of_another_book_is_not_found(desk):
    refused = desk.post(desk.journal(Transfer(CREDIT, CLEARING, UZS("1"))))[0].journal
    held = desk.post(desk.journal(hold(new_id(), CLEARING, INCOME, UZS("1"))))[0].journal
    elsewhere = desk.post(desk.journal(Transfer(CLEARING, INCOME, UZS("1")), org_id=2))[0].journal

    for journal in (refused, held, elsewhere, new_id()):
        with pytest.raises(JournalNotFound):
            back(desk, journal)


def test_a_part_of_a_journal_in_several_currencies_is_refused_the_whole_is_not(desk):
    euro = AccountKey(PAYER_CREDIT, "", "EUR"), AccountKey(REVENUE, "x", "EUR")
    both = desk.journal(
        Transfer(CLEARING, INCOME, UZS("5")),
        Transfer(AccountKey(CLEARING.line, "stripe", "EUR"), euro[1], Money(7_00, "EUR")),
    )
    original = desk.post(both)[0].journal

    with pytest.raises(SeveralCurrencies):
        back(desk, original, "1.00")
    back(desk, original)
    assert desk.balance(CLEARING) == "0.00"
    desk.proves()


def test_a_part_in_another_currency_and_a_reason_of_no_words_are_refused(desk):
    original = confirmed(desk, "70.00").journal
    asked = {"reason": WHY, "effective": DAY, "by": KEEPER, "amount": Money(1, "EUR")}
    with pytest.raises(CurrenciesDiffer), desk.database.transaction() as session:
        reverse_journal(session, 1, original, key="k", **asked)
    with pytest.raises(ReasonMissing):
        back(desk, original, reason=" wrong ")


def test_a_reversal_meant_for_a_closed_day_lands_on_the_first_open_one(desk, empty_url):
    original = confirmed(desk, "70.00").journal
    as_superuser(
        empty_url,
        "UPDATE ledger.book SET closed_through = '2026-11-20', soft_closed_through = '2026-11-20'",
    )
    journal = back(desk, original).journal

    query = "SELECT effective, carried_from, kind FROM ledger.transfer WHERE journal = :journal"
    assert rows(empty_url, query, journal=journal) == [
        (date(2026, 11, 21), DAY, JournalKind.REVERSAL)
    ]
    assert back(desk, original).replayed


def test_a_part_is_divided_over_what_is_left_of_each_line_by_the_largest_remainder(desk):
    original = confirmed(desk, "66.67", "33.33").journal
    # Of 10.00: 6.667 and 3.333; the tiyin that is over goes to the first, whose remainder is larger.
    assert moves(desk, back(desk, original, "10.00", key="a").journal) == [
        ("4010 republican-budget", "1210 stripe", "6.67"),
        ("4010 local-budget", "1210 stripe", "3.33"),
    ]
    # Of 0.01, the line with the larger part alone has anything.
    assert moves(desk, back(desk, original, "0.01", key="b").journal) == [
        ("4010 republican-budget", "1210 stripe", "0.01")
    ]
    assert moves(desk, back(desk, original, key="c").journal) == [
        ("4010 republican-budget", "1210 stripe", "59.99"),
        ("4010 local-budget", "1210 stripe", "30.00"),
    ]
    desk.proves()


def test_what_a_hold_captured_can_be_taken_back_like_anything_else(desk):
    key = new_id()
    desk.does(hold(key, CLEARING, INCOME, UZS("10")))
    original = desk.post(desk.journal(capture(key, CLEARING, INCOME, UZS("10"))))[0].journal
    back(desk, original, "3.00")

    assert desk.held(CLEARING) == ("7.00", "0.00", "0.00")
    desk.proves()


def test_a_reversal_keeps_what_it_reverses_why_and_by_whom(desk):
    original = confirmed(desk, "70.00").journal
    journal = back(desk, original).journal
    with desk.database.transaction() as session:
        query = text("SELECT doc FROM ledger.journal_doc WHERE journal = :journal")
        doc = session.execute(query, {"journal": journal}).scalar_one()

    assert doc == {
        "source": "reversal",
        "key": "back",
        "reverses": str(original),
        "reason": WHY,
        "by": "staff:karima",
    }
