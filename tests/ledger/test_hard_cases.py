"""What ledgers get wrong: bounds, limits met to the tiyin, odd journals, poison, pages of a statement."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from random import Random
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from foundation.clock import business_date, now
from foundation.database import Database
from ledger.accounts import AccountKey, account_id
from ledger.balances import standing
from ledger.chart import REVENUE
from ledger.journals import Journal, Outcome, Transfer, capture, hold, release
from ledger.money import UZS, Money
from ledger.posting import post
from tests.conftest import TEMPLATE, _copy
from tests.ledger.desk import CLEARING, CREDIT, DAY, INCOME, Desk
from tests.ledger.twin import MEMO, PLAIN, Scribe, Twin, teach_kinds

OTHER_INCOME = AccountKey(REVENUE, "local-budget", "UZS")
LARGEST = Money(10**15, "UZS")


@pytest.fixture
def desk(empty) -> Desk:
    return Desk(empty).open()


@pytest.fixture(scope="module")
def shared(server, admin, templates) -> Iterator[Desk]:
    """One book for the tests that need nothing but an answer."""
    address = _copy(server, admin, TEMPLATE)
    with closing(Database(next(address))) as database:
        yield Desk(database).open()
    next(address, None)


def in_one_call(desk: Desk, *lines: Transfer) -> list[Outcome]:
    return [posting.outcome for posting in desk.post(*(desk.journal(line) for line in lines))]


# Bounds


def test_a_balance_that_reaches_the_bound_refuses_by_a_code_and_can_come_back(desk):
    filled = in_one_call(desk, *[Transfer(CLEARING, INCOME, LARGEST)] * 4000)
    assert set(filled) == {Outcome.POSTED}

    one, back = Transfer(CLEARING, INCOME, UZS("0.01")), Transfer(INCOME, CLEARING, UZS("0.01"))
    assert desk.does(one) is Outcome.BALANCE_OVERFLOW
    assert in_one_call(desk, one, one) == [Outcome.BALANCE_OVERFLOW] * 2
    assert [desk.does(back), desk.does(one)] == [Outcome.POSTED] * 2
    assert desk.balance(CLEARING) == "40000000000000000.00"
    desk.proves()


def test_a_balance_below_zero_has_the_same_bound(desk):
    in_one_call(desk, *[Transfer(INCOME, CLEARING, LARGEST)] * 4000)

    assert desk.does(Transfer(OTHER_INCOME, CLEARING, UZS("0.01"))) is Outcome.BALANCE_OVERFLOW
    assert desk.does(Transfer(CLEARING, OTHER_INCOME, UZS("0.01"))) is Outcome.POSTED
    desk.proves()


def test_what_is_held_has_a_bound_too_and_can_still_be_let_go(desk):
    keys = [uuid4() for _ in range(4000)]
    placed = in_one_call(desk, *[hold(key, CLEARING, INCOME, LARGEST) for key in keys])
    assert set(placed) == {Outcome.POSTED}

    assert desk.does(hold(uuid4(), CLEARING, INCOME, UZS("1"))) is Outcome.BALANCE_OVERFLOW
    assert desk.does(release(keys[0], CLEARING, INCOME, UZS("0"))) is Outcome.POSTED
    assert desk.does(capture(keys[1], CLEARING, INCOME, LARGEST)) is Outcome.POSTED
    desk.proves()


@pytest.mark.parametrize("held", [0, 30])
def test_a_limit_is_met_exactly_and_not_passed_by_a_tiyin(desk, held):
    desk.credited("100.00")
    if held:
        desk.does(hold(uuid4(), CREDIT, INCOME, UZS(f"{held}.00")))
    left = Money((100 - held) * 100, "UZS")

    assert desk.does(Transfer(CREDIT, INCOME, left + UZS("0.01"))) is Outcome.INSUFFICIENT
    assert desk.does(Transfer(CREDIT, INCOME, left)) is Outcome.POSTED
    assert desk.does(Transfer(CREDIT, INCOME, UZS("0.01"))) is Outcome.INSUFFICIENT
    desk.proves()


def test_what_an_account_shows_is_what_a_posting_finds(empty, empty_url):
    """Of many random books: all that is shown as free can be taken, and not a tiyin more."""
    teach_kinds(empty_url)
    for book in range(1, 9):
        twin = Twin(empty, empty_url, book)
        scribe = Scribe(twin, Random(book))
        for _ in range(8):
            scribe.meanwhile()
            twin.post(scribe.batch(20))
        twin.close(None, None)
        other = AccountKey(REVENUE, "no limit here", "UZS")
        for key, account in twin.model.accounts.items():
            if account.state == 1 and key.currency == "UZS":
                for way, room in rooms(twin, key):
                    sides = (key, other) if way == key.line.side else (other, key)
                    told = [
                        would_be(twin, Transfer(*sides, Money(room + more, "UZS")))
                        for more in (0, 1)
                    ]
                    refusal = Outcome.ABOVE_LIMIT if way == 1 else Outcome.INSUFFICIENT
                    assert told == [Outcome.POSTED, refusal], (book, key, room)


def rooms(twin: Twin, key: AccountKey) -> list[tuple[int, int]]:
    """How much may still leave the account (-1) and still come (1), as it shows itself."""
    with twin.database.transaction() as session:
        shown = standing(session, twin.org_id, account_id(session, twin.org_id, key))
    found = []
    if shown.least is not None:
        found.append((-1, (shown.available - shown.least).minor))
    if shown.most is not None:
        found.append((1, (shown.most - shown.balance - shown.held_in).minor))
    return [(way, room) for way, room in found if room > 0]


class Undone(Exception):
    """Takes a transaction back."""


def would_be(twin: Twin, line: Transfer) -> Outcome:
    """What becomes of a journal that is then taken back."""
    journal = Journal(twin.org_id, "test", "what if", PLAIN, DAY, (line,))
    with pytest.raises(Undone) as told, twin.database.transaction() as session:
        raise Undone(post(session, [journal])[0].outcome)
    return told.value.args[0]


# Odd journals


def test_a_journal_without_lines_is_refused_unless_its_kind_may_be_a_memo(desk, empty_url):
    teach_kinds(empty_url)

    assert [
        desk.does(),
        desk.does(kind=MEMO),
        desk.does(key="m", kind=MEMO),
        desk.does(key="m", kind=MEMO),
    ] == [
        Outcome.EMPTY,
        *[Outcome.POSTED] * 3,
    ]
    assert desk.does(Transfer(CLEARING, INCOME, UZS("1")), key="m", kind=MEMO) is Outcome.KEY_REUSED
    desk.proves()


@pytest.mark.parametrize(
    ("day", "outcome"),
    [
        (date(1999, 12, 31), Outcome.DATE_OUT_OF_RANGE),
        (date(2000, 1, 1), Outcome.POSTED),
        (business_date(now()) + timedelta(days=366), Outcome.POSTED),
        (business_date(now()) + timedelta(days=368), Outcome.DATE_OUT_OF_RANGE),
        (date.max, Outcome.DATE_OUT_OF_RANGE),
        (date.min, Outcome.DATE_OUT_OF_RANGE),
    ],
)
@pytest.mark.parametrize("lines", [1, 2])
def test_a_day_is_of_this_century_and_at_most_a_year_ahead(shared, day, outcome, lines):
    assert shared.does(*[Transfer(CLEARING, INCOME, UZS("1"))] * lines, effective=day) is outcome


def test_one_journal_may_touch_an_account_many_times_from_both_sides(desk):
    one, other = UZS("7.00"), UZS("2.50")
    there, back = Transfer(CLEARING, INCOME, one), Transfer(INCOME, CLEARING, other)
    aside = Transfer(OTHER_INCOME, CLEARING, other)

    assert desk.does(there, back, there, aside, there) is Outcome.POSTED
    assert [desk.balance(key) for key in (CLEARING, INCOME, OTHER_INCOME)] == [
        "16.00",
        "18.50",
        "-2.50",
    ]
    desk.proves()


def test_a_journal_has_at_most_as_many_lines_as_a_call(desk):
    line = Transfer(CLEARING, INCOME, UZS("0.01"))

    assert desk.does(*[line] * 8192) is Outcome.POSTED
    with pytest.raises(DataError):
        desk.does(*[line] * 8193)
    assert desk.balance(CLEARING) == "81.92"
    desk.proves()


def test_a_call_of_8192_journals_is_decided_in_order_to_the_last(desk):
    """The last one takes exactly what all before it brought."""
    earned = [desk.journal(Transfer(CLEARING, CREDIT, UZS("0.01"))) for _ in range(8190)]
    spent = desk.journal(Transfer(CREDIT, CLEARING, UZS("81.90")))
    too_much = desk.journal(Transfer(CREDIT, CLEARING, UZS("0.01")))

    outcomes = [posting.outcome for posting in desk.post(*earned, spent, too_much)]
    assert outcomes == [Outcome.POSTED] * 8191 + [Outcome.INSUFFICIENT]
    desk.proves()


# Keys


@pytest.mark.parametrize("first", [Outcome.POSTED, Outcome.INSUFFICIENT])
def test_a_key_is_known_after_forty_days(empty, empty_url, first):
    teach_kinds(empty_url)
    twin = Twin(empty, empty_url, 1)
    earned = Journal(1, "test", "earned", PLAIN, DAY, (Transfer(CLEARING, CREDIT, UZS("5")),))
    asked = UZS("5") if first is Outcome.POSTED else UZS("6")
    spent = Journal(1, "test", "spent", PLAIN, DAY, (Transfer(CREDIT, CLEARING, asked),))
    assert [answer.outcome for answer in twin.post([earned, spent])] == [Outcome.POSTED, first]

    twin.let_time_pass(timedelta(days=40))
    twin.tidy()
    again = twin.post([spent]), twin.post([spent, earned])
    assert [(a.outcome, a.replayed) for answers in again for a in answers] == [
        (first, True),
        (first, True),
        (Outcome.POSTED, True),
    ]
    twin.compare()


def test_two_books_may_use_one_key(desk):
    line = Transfer(CLEARING, INCOME, UZS("3"))

    assert desk.does(line, key="same") is desk.does(line, key="same", org_id=2) is Outcome.POSTED
    assert [desk.balance(CLEARING, org_id=book) for book in (1, 2)] == ["3.00", "3.00"]
    desk.proves()


def test_old_keys_that_stand_twice_in_one_call_leave_nothing_behind(desk):
    """A call that posts nothing new is no call that waits to be sealed."""
    old = desk.journal(Transfer(CLEARING, INCOME, UZS("3")))
    desk.post(old)

    assert [posting.replayed for posting in desk.post(old, old)] == [True, True]
    desk.proves()


def test_a_hold_that_was_used_up_is_done_whether_or_not_its_time_has_passed(empty, empty_url):
    teach_kinds(empty_url)
    twin, key = Twin(empty, empty_url, 1), uuid4()
    placed = hold(key, CLEARING, INCOME, UZS("5"), expires_at=now() + timedelta(hours=1))
    used = capture(key, CLEARING, INCOME, UZS("5"))
    once, more = (Journal(1, "test", name, PLAIN, DAY, (used,)) for name in ("once", "more"))
    twin.post([Journal(1, "test", "placed", PLAIN, DAY, (placed,)), once])
    twin.let_time_pass(timedelta(hours=2))

    assert twin.post([more])[0].outcome is Outcome.HOLD_DONE


# Poison

DEEP: list = []
for _ in range(20_000):
    DEEP = [DEEP]
ROUND: dict = {}
ROUND["round"] = ROUND


@pytest.mark.parametrize(
    ("poison", "kept"),
    [
        ({"a": "nul \0 nul"}, {"a": "nul  nul"}),
        ({"a": "written \\u0000 in words"}, {"a": "written \\u0000 in words"}),
        ({"a": "\\\0\\\\\0\0"}, {"a": "\\\\\\"}),
        ({"\0": 1}, {"": 1}),
        ({"a": "half \ud800 of one"}, {"a": "half ? of one"}),
        ({"a": "oʻzbekcha 🇺🇿"}, {"a": "oʻzbekcha 🇺🇿"}),
        ({"a": "x" * 1_000_000}, {"a": "x" * 1_000_000}),
        ({"a": float("nan")}, {"not_kept": "ValueError"}),
        ({"a": 10**5000}, {"not_kept": "ValueError"}),
        ({("a", "b"): 1}, {"not_kept": "TypeError"}),
        ({"a": ROUND}, {"not_kept": "ValueError"}),
        ({"a": [[]] * 6000}, {"not_kept": "ValueError"}),
        ({"a": DEEP}, {"not_kept": "RecursionError"}),
    ],
    ids=lambda value: ascii(value)[:30] if value is not DEEP and "a" not in value else "",
)
def test_a_poisoned_document_stops_neither_its_money_nor_its_neighbours(shared, poison, kept):
    line = Transfer(CLEARING, INCOME, UZS("1"))
    docs = ({"n": 1}, poison, {"n": 2}, poison)
    *together, alone = (shared.journal(line, doc=doc) for doc in docs)

    told = shared.post(*together) + shared.post(alone)
    assert [posting.outcome for posting in told] == [Outcome.POSTED] * 4
    with shared.database.transaction() as session:
        found = text(
            "SELECT doc - 'source' - 'key' FROM ledger.journal_doc WHERE journal = ANY(:keys)"
        )
        stored = list(session.scalars(found, {"keys": [together[1].id, alone.id]}))
    assert stored == [kept, kept]


@pytest.mark.parametrize("key", ["\ud800", "\0", "", "x" * 10_000, "ў"])
def test_a_key_may_be_any_words(shared, key):
    line = Transfer(CLEARING, INCOME, UZS("1"))
    same, same_again, other = (shared.journal(line, key=f"{key}{end}") for end in ("!", "!", "?"))

    told = shared.post(same, same_again) + shared.post(other)
    assert [posting.replayed for posting in told] == [False, True, False]


# Statements

FIRST, LAST = -(2**63), 2**63 - 1
SHOWN = "SELECT * FROM ledger.statement(1, :account, :before, :lines)"
NAIVE = """
SELECT * FROM ledger.entry WHERE org_id = 1 AND account = :account AND seq < :before
 ORDER BY seq DESC LIMIT :lines
"""


@pytest.mark.parametrize("movements", [0, 63, 64, 65, 130])
def test_every_page_of_a_statement_is_what_a_plain_query_finds(shared, movements):
    mine = AccountKey(REVENUE, f"of {movements} movements", "UZS")
    lines = [Transfer(CLEARING, mine, Money(n, "UZS")) for n in range(1, movements + 1)]
    for start in range(0, movements, 37):
        assert shared.does(*lines[start : start + 37]) is Outcome.POSTED
    account = {"account": shared.id(mine)}
    befores = {FIRST, -1, 0, 1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 130, 131, 132, 1000, LAST}
    with shared.database.transaction() as session:
        for before in befores:
            for page in (0, 1, 2, 50, 63, 64, 65, 128, 200):
                asked = {**account, "before": before, "lines": page}
                shown = session.execute(text(SHOWN), asked).all()
                assert shown == session.execute(text(NAIVE), asked).all(), (before, page)
