"""Exchange and revaluation: each currency balances in itself, and every figure follows from its rate."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation.database import Database
from foundation.ids import new_id
from ledger.accounts import AccountKey
from ledger.books import prove
from ledger.chart import BANK, JournalKind
from ledger.exchange import (
    REALISED,
    UNREALISED,
    Deal,
    NothingExchanged,
    RateForOthers,
    counter_value,
    exchange,
    gains,
    losses,
    position,
    revalue,
)
from ledger.journals import Posting
from ledger.money import UZS, CurrenciesDiffer, Money
from ledger.posting import NotPosted
from ledger.rates import (
    OLDEST_RATE_DAYS,
    ExchangeRate,
    Quoted,
    RateContradicted,
    RateMalformed,
    RateNotFound,
    keep_rate,
    official_rate,
)
from ledger.reversals import reverse_journal
from ledger.rounding import apportion, half_up
from tests.ledger.desk import DAY, KEEPER, Desk
from tests.superuser import as_superuser, rows

SOUMS, DOLLARS, EUROS, YEN = (
    AccountKey(BANK, "20208000900000000001", code) for code in ("UZS", "USD", "EUR", "JPY")
)
USD = Quoted("USD", "UZS", DAY, Decimal("12850.55"), official=True)
EUR = Quoted("EUR", "UZS", DAY, Decimal("14900.10"), official=True)
JPY = Quoted("JPY", "UZS", DAY, Decimal("830.25"), units=10, official=True)
BANKS_OWN = Quoted("USD", "UZS", DAY, Decimal("12900"))
CBU = "CBU, 20 November 2026"


def usd(amount: str) -> Money:
    return Money.of(amount, "USD")


@pytest.fixture
def desk(empty: Database) -> Desk:
    """The official rates of the day are known."""
    made = Desk(empty).open()
    for quoted in (USD, EUR, JPY):
        kept(made, quoted)
    return made


def kept(desk: Desk, quoted: Quoted, source: str = CBU, **more) -> ExchangeRate:
    with desk.database.transaction() as session:
        return keep_rate(session, quoted, id=more.get("id") or new_id(), source=source, by=KEEPER)


def rate_of(desk: Desk, currency: str) -> ExchangeRate:
    with desk.database.transaction() as session:
        return official_rate(session, currency, DAY)


def exchanged(desk: Desk, give, take, amount: Money, rate: ExchangeRate, **more) -> Posting:
    asked = {"key": "deal", "effective": DAY, "by": KEEPER} | more
    with desk.database.transaction() as session:
        return exchange(session, 1, Deal(give, take, amount, rate.id), **asked)


def revalued(desk: Desk, currency: str = "USD", day: date = DAY) -> Posting | None:
    with desk.database.transaction() as session:
        return revalue(session, 1, currency, day=day, by=KEEPER)


def balances(desk: Desk, *keys: AccountKey) -> list[str]:
    return [desk.balance(key) for key in keys]


# What cannot be.


def test_a_deal_on_a_day_without_an_official_rate_is_refused(desk):
    tomorrow = DAY + timedelta(days=OLDEST_RATE_DAYS + 1)
    with pytest.raises(RateNotFound):
        exchanged(desk, SOUMS, DOLLARS, usd("1"), rate_of(desk, "USD"), effective=tomorrow)
    with pytest.raises(RateNotFound):
        exchanged(
            desk, SOUMS, DOLLARS, usd("1"), rate_of(desk, "USD"), effective=DAY - timedelta(days=1)
        )
    assert balances(desk, SOUMS, DOLLARS) == ["0.00", "0.00"]


def test_over_holidays_the_last_official_rate_stands(desk):
    last = DAY + timedelta(days=OLDEST_RATE_DAYS)
    exchanged(desk, SOUMS, DOLLARS, usd("1"), rate_of(desk, "USD"), effective=last)

    assert balances(desk, SOUMS, DOLLARS) == ["-12850.55", "1.00"]


@pytest.mark.parametrize(
    ("give", "take", "amount", "refusal"),
    [
        (SOUMS, EUROS, usd("1"), RateForOthers),
        (SOUMS, DOLLARS, Money(1, "EUR"), CurrenciesDiffer),
        (SOUMS, SOUMS, UZS("1"), CurrenciesDiffer),
        (DOLLARS, DOLLARS, usd("1"), RateForOthers),
        (DOLLARS, SOUMS, usd("0"), NothingExchanged),
        (DOLLARS, SOUMS, usd("-1"), NotPosted),
        (DOLLARS, SOUMS, Money(10**16, "USD"), NotPosted),
    ],
)
def test_a_deal_that_its_rate_does_not_fit_is_refused(desk, give, take, amount, refusal):
    with pytest.raises(refusal):
        exchanged(desk, give, take, amount, rate_of(desk, "USD"))
    assert rows(desk.database.url, "SELECT count(*) FROM ledger.exchange") == [(0,)]


def test_an_amount_too_small_to_be_anything_is_refused(desk):
    backwards = kept(desk, Quoted("UZS", "USD", DAY, Decimal("0.0000778")), "Bank, deal 1")
    with pytest.raises(NothingExchanged):
        exchanged(desk, SOUMS, DOLLARS, UZS("0.01"), backwards)


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "USD"},
        {"rate": Decimal(0)},
        {"rate": Decimal(-1)},
        {"rate": Decimal("NaN")},
        {"rate": Decimal("Infinity")},
        {"rate": Decimal(10**12)},
        {"rate": Decimal("1e-11")},
        {"units": 0},
        {"units": 10**9 + 1},
        {"quote": "EUR"},  # official, but not in the books' own currency
    ],
)
def test_a_rate_that_is_none_is_not_kept(desk, change):
    with pytest.raises(RateMalformed):
        kept(desk, replace(USD, day=DAY + timedelta(days=1), **change))
    with pytest.raises(RateMalformed):
        kept(desk, replace(USD, day=DAY + timedelta(days=1)), source=" ")


def test_there_is_one_official_rate_a_day_and_one_rate_a_source(desk):
    for quoted, source in ((replace(USD, rate=Decimal(1)), "another order"), (BANKS_OWN, CBU)):
        with pytest.raises(RateContradicted):
            kept(desk, quoted, source)
    same, id_ = replace(BANKS_OWN, rate=Decimal("12900.50")), new_id()
    assert (
        kept(desk, same, "Bank, deal 1", id=id_).id == kept(desk, same, "Bank, deal 1", id=id_).id
    )
    with pytest.raises(RateContradicted):
        kept(desk, replace(same, rate=Decimal(2)), "Bank, deal 1", id=id_)


@pytest.mark.parametrize("table", ["exchange_rate", "exchange", "revaluation"])
def test_neither_the_service_nor_anybody_changes_what_was_kept(desk, empty_url, table):
    exchanged(desk, SOUMS, DOLLARS, usd("100"), kept(desk, BANKS_OWN, "Bank, deal 1"))
    kept(desk, replace(USD, day=DAY + timedelta(days=1), rate=Decimal(13000)))
    revalued(desk, day=DAY + timedelta(days=1))
    for statement in (f"DELETE FROM ledger.{table}", f"INSERT INTO ledger.{table} DEFAULT VALUES"):
        with pytest.raises(DBAPIError, match="permission denied"), desk.database.transaction() as s:
            s.execute(text(statement))
    for statement in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table}"):
        with pytest.raises(DBAPIError, match="append-only"):
            as_superuser(empty_url, statement)


def test_a_deal_asked_for_again_gets_the_first_answer_though_rates_have_come_since(desk):
    deal = kept(desk, BANKS_OWN, "Bank, deal 1")
    monday = DAY + timedelta(days=3)
    first = exchanged(desk, SOUMS, DOLLARS, usd("100"), deal, effective=monday)
    kept(desk, replace(USD, day=monday, rate=Decimal(13000)))

    again = exchanged(desk, SOUMS, DOLLARS, usd("100"), deal, effective=monday)
    assert (again.journal, again.first_id, again.replayed) == (first.journal, first.first_id, True)
    other = kept(desk, BANKS_OWN, "Bank, deal 2")
    for change in ((SOUMS, DOLLARS, usd("101"), deal), (SOUMS, DOLLARS, usd("100"), other)):
        with pytest.raises(NotPosted) as refusal:
            exchanged(desk, *change, effective=monday)
        assert refusal.value.facts["outcome"] == "KEY_REUSED"
    assert desk.balance(DOLLARS) == "100.00"
    desk.proves()


def test_deals_and_revaluations_at_once_leave_books_that_prove(desk):
    deal = kept(desk, BANKS_OWN, "Bank, deal 1")
    days = [DAY + timedelta(days=n) for n in range(1, 7)]
    for n, day in enumerate(days):
        kept(desk, replace(USD, day=day, rate=Decimal(12000 + 100 * n)))

    def one(n: int) -> None:
        exchanged(desk, SOUMS, DOLLARS, usd("10.01"), deal, key=f"d{n}")
        revalued(desk, day=days[n % len(days)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert desk.balance(position("USD")) == "120.12"
    desk.proves()


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("UPDATE ledger.exchange_rate SET rate = rate + 0.01 WHERE NOT official", "exchanges"),
        ("UPDATE ledger.exchange_rate SET rate = rate + 0.01 WHERE base = 840", "exchanges"),
        ("UPDATE ledger.exchange_rate SET official = false", "exchanges"),
        ("UPDATE ledger.exchange SET sold_minor = sold_minor + 1", "exchanges"),
        ("UPDATE ledger.exchange SET bought_official = NULL", "exchanges"),
        ("DELETE FROM ledger.exchange", "exchanges"),
        ("UPDATE ledger.transfer SET amount_minor = amount_minor + 1 WHERE kind = 12", "exchanges"),
        ("UPDATE ledger.account SET name = 'EUR' WHERE number = '1920'", "exchanges"),
        ("UPDATE ledger.account SET name = 'EUR' WHERE number = '1920'", "revaluations"),
        (
            "UPDATE ledger.exchange_rate SET rate = rate + 0.01 WHERE day > '2026-11-20'",
            "revaluations",
        ),
        ("UPDATE ledger.revaluation SET position_minor = position_minor + 1", "revaluations"),
        ("UPDATE ledger.revaluation SET position_seq = 0, position_minor = 0", "revaluations"),
        ("UPDATE ledger.revaluation SET value_minor = value_minor + 1", "revaluations"),
        (
            "UPDATE ledger.transfer SET debit_balance = debit_balance + 1 WHERE kind = 13",
            "revaluations",
        ),
        ("DELETE FROM ledger.revaluation", "revaluations"),
    ],
)
def test_the_proof_finds_what_does_not_follow_from_its_rate(desk, empty_url, damage, rule):
    exchanged(desk, SOUMS, DOLLARS, usd("100"), kept(desk, BANKS_OWN, "Bank, deal 1"))
    kept(desk, replace(USD, day=DAY + timedelta(days=1), rate=Decimal(13000)))
    assert revalued(desk, day=DAY + timedelta(days=1))
    desk.proves()
    table = damage.split("ledger.")[1].split(" ")[0]
    as_superuser(empty_url, f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER", damage)

    with desk.database.transaction() as session:
        assert rule in {check.name for check in prove(session) if not check.holds}


# What is.


def test_buying_below_the_official_rate_is_a_gain_and_above_it_a_loss(desk):
    dear = kept(desk, BANKS_OWN, "Bank, deal 1")
    cheap = kept(desk, replace(BANKS_OWN, rate=Decimal(12800)), "Bank, deal 2")
    exchanged(desk, SOUMS, DOLLARS, usd("100"), dear, key="dear")
    assert balances(desk, SOUMS, DOLLARS, position("USD"), counter_value("USD")) == [
        "-1290000.00",
        "100.00",
        "100.00",
        "1285055.00",
    ]
    assert balances(desk, losses(REALISED), gains(REALISED)) == ["4945.00", "0.00"]

    exchanged(desk, SOUMS, DOLLARS, usd("100"), cheap, key="cheap")
    assert balances(desk, losses(REALISED), gains(REALISED)) == ["4945.00", "5055.00"]
    assert desk.balance(counter_value("USD")) == "2570110.00"
    desk.proves()


def test_selling_takes_the_counter_value_down_at_the_official_rate(desk):
    deal = kept(desk, BANKS_OWN, "Bank, deal 1")
    exchanged(desk, SOUMS, DOLLARS, usd("100"), rate_of(desk, "USD"), key="bought")
    exchanged(desk, DOLLARS, SOUMS, usd("40"), deal, key="sold")

    assert balances(desk, SOUMS, DOLLARS, position("USD"), counter_value("USD")) == [
        "-769055.00",
        "60.00",
        "60.00",
        "771033.00",
    ]
    assert desk.balance(gains(REALISED)) == "1978.00"
    assert revalued(desk) is None  # position and counter value meet
    desk.proves()


def test_two_foreign_currencies_are_exchanged_through_both_their_positions(desk):
    cross = kept(desk, Quoted("USD", "EUR", DAY, Decimal("0.86")), "Bank, deal 1")
    exchanged(desk, DOLLARS, EUROS, usd("100"), cross)

    assert balances(desk, DOLLARS, EUROS, position("USD"), position("EUR")) == [
        "-100.00",
        "86.00",
        "-100.00",
        "86.00",
    ]
    assert balances(desk, counter_value("USD"), counter_value("EUR"), losses(REALISED)) == [
        "-1285055.00",
        "1281408.60",
        "3646.40",
    ]
    desk.proves()


def test_a_rate_for_ten_units_of_a_currency_without_decimals_is_exact(desk):
    exchanged(desk, SOUMS, YEN, Money(1_001, "JPY"), rate_of(desk, "JPY"))

    assert balances(desk, SOUMS, YEN) == ["-83108.03", "1001"]  # 83108.025, half up
    desk.proves()


def test_the_journal_says_at_what_rate_whose_and_how_it_was_rounded(desk):
    deal = kept(desk, BANKS_OWN, "Bank, deal 1")
    posting = exchanged(desk, SOUMS, DOLLARS, usd("100"), deal)
    query = "SELECT doc FROM ledger.journal_doc WHERE journal = :journal"
    ((doc,),) = rows(desk.database.url, query, journal=posting.journal)

    assert doc == {
        "source": "exchange",
        "key": "deal",
        "rate": str(deal.id),
        "quoted": "12900 per 1",
        "quoted_by": "Bank, deal 1",
        "sold": "1290000.00 UZS",
        "bought": "100.00 USD",
        "rounding": "half up",
        "by": "staff:karima",
    }


def test_a_revaluation_brings_the_counter_value_to_position_times_rate(desk):
    exchanged(desk, SOUMS, DOLLARS, usd("100"), rate_of(desk, "USD"))
    up, down = (DAY + timedelta(days=n) for n in (1, 2))
    kept(desk, replace(USD, day=up, rate=Decimal("12900.005")))
    kept(desk, replace(USD, day=down, rate=Decimal("12800")))

    assert revalued(desk, day=up)
    assert balances(desk, counter_value("USD"), gains(UNREALISED)) == ["1290000.50", "4945.50"]
    assert revalued(desk, day=up) is None
    assert revalued(desk, day=down)
    assert balances(desk, counter_value("USD"), losses(UNREALISED)) == ["1280000.00", "10000.50"]
    assert desk.balance(position("USD")) == "100.00"
    desk.proves()


def test_what_is_owed_of_a_currency_is_revalued_too(desk):
    exchanged(desk, DOLLARS, SOUMS, usd("100"), rate_of(desk, "USD"))
    kept(desk, replace(USD, day=DAY + timedelta(days=1), rate=Decimal("12850.555")))

    assert revalued(desk, day=DAY + timedelta(days=1))
    assert balances(desk, position("USD"), counter_value("USD")) == ["-100.00", "-1285055.50"]
    assert desk.balance(losses(UNREALISED)) == "0.50"
    desk.proves()


def test_a_deal_that_is_taken_back_leaves_neither_position_nor_value(desk):
    posting = exchanged(desk, SOUMS, DOLLARS, usd("100"), kept(desk, BANKS_OWN, "Bank, deal 1"))
    with desk.database.transaction() as session:
        asked = {"reason": "the bank has called it off", "effective": DAY, "by": KEEPER}
        reverse_journal(session, 1, posting.journal, key="back", **asked)

    everything = (SOUMS, DOLLARS, position("USD"), counter_value("USD"), losses(REALISED))
    assert balances(desk, *everything) == ["0.00"] * 5
    desk.proves()


def test_a_revaluation_of_a_closed_day_is_refused_and_of_a_softly_closed_one_is_not(
    desk, empty_url
):
    exchanged(desk, SOUMS, DOLLARS, usd("100"), kept(desk, BANKS_OWN, "Bank, deal 1"))
    kept(desk, replace(USD, day=DAY + timedelta(days=1), rate=Decimal(13000)))
    close = "UPDATE ledger.book SET soft_closed_through = '2026-11-30'"
    as_superuser(empty_url, f"{close}, closed_through = '2026-11-30'")
    with pytest.raises(NotPosted) as refusal:
        revalued(desk, day=DAY + timedelta(days=1))
    assert refusal.value.facts["outcome"] == "PERIOD_CLOSED"

    as_superuser(empty_url, f"{close}, closed_through = NULL")
    journal = revalued(desk, day=DAY + timedelta(days=1)).journal
    query = "SELECT effective, kind FROM ledger.transfer WHERE journal = :journal"
    assert rows(empty_url, query, journal=journal) == [
        (DAY + timedelta(days=1), JournalKind.CURRENCY_REVALUED)
    ]


@for_all(
    amount=st.integers(-(10**15), 10**15),
    rate=st.decimals(Decimal("0.0000000001"), Decimal(10**11), places=10),
    units=st.sampled_from([1, 10, 100, 1000]),
)
def test_half_up_is_the_nearest_and_away_from_zero_at_a_half(amount, rate, units):
    exact = amount * Fraction(rate) * Fraction(1, units)
    rounded = half_up(exact)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)
    assert half_up(-exact) == -rounded


@for_all(st.lists(st.integers(0, 10**15), min_size=1, max_size=8), st.data())
def test_parts_sum_to_the_whole_and_none_exceeds_its_weight(weights, data):
    if not sum(weights):
        return
    whole = data.draw(st.integers(0, sum(weights)))
    parts = apportion(whole, weights)
    assert sum(parts) == whole
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


def test_the_database_rounds_as_python_does(desk):
    with desk.database.transaction() as session:
        for above, below in (
            (5, 10),
            (-5, 10),
            (4, 10),
            (15, 10),
            (-15, 10),
            (10**30 + 1, 2),
            (0, 3),
        ):
            query = text("SELECT ledger.half_up(:above, :below)")
            asked = {"above": Decimal(above), "below": Decimal(below)}
            assert session.execute(query, asked).scalar_one() == half_up(Fraction(above, below))
