"""Splits: the parts are the whole, and nobody is given less than nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.money import UZS, Money
from payments.registry.splits import Share, split

WEIGHTS = st.lists(st.integers(1, 10**6), min_size=1, max_size=12)
# A transfer of the ledger holds at most this.
MINOR = st.integers(1, 10**15)


def shares(*weights: int) -> list[Share]:
    return [Share(f"payee {place}", weight) for place, weight in enumerate(weights)]


def parts(amount: Money, *weights: int) -> list[int]:
    return [part.minor for _, part in split(amount, shares(*weights))]


@settings(max_examples=300)
@given(minor=MINOR, weights=WEIGHTS)
def test_the_parts_sum_to_the_whole_and_none_is_negative(minor, weights):
    found = parts(Money(minor, "UZS"), *weights)

    assert sum(found) == minor
    assert min(found) >= 0


@settings(max_examples=200)
@given(minor=MINOR, weights=WEIGHTS)
def test_no_part_is_a_whole_tiyin_away_from_its_exact_share(minor, weights):
    total = sum(weights)
    for part, weight in zip(parts(Money(minor, "UZS"), *weights), weights, strict=True):
        assert abs(part * total - minor * weight) < total


@settings(max_examples=100)
@given(minor=MINOR, weights=WEIGHTS, times=st.integers(2, 9))
def test_only_the_proportion_of_weights_counts(minor, weights, times):
    money = Money(minor, "UZS")

    assert parts(money, *weights) == parts(money, *(weight * times for weight in weights))


@pytest.mark.parametrize(
    ("amount", "weights", "expected"),
    [
        ("0.01", (1, 1), [1, 0]),
        ("0.01", (1, 2), [0, 1]),
        ("1.00", (1, 1, 1), [34, 33, 33]),
        ("0.05", (70, 30), [4, 1]),
        ("206000.00", (2, 1), [137_333_33, 68_666_67]),
        ("412000.00", (70, 30), [288_400_00, 123_600_00]),
        ("123.45", (7,), [123_45]),
    ],
)
def test_what_remains_goes_to_the_largest_remainders_and_ties_to_the_earlier(
    amount, weights, expected
):
    assert parts(UZS(amount), *weights) == expected


def test_payees_keep_their_order_and_the_currency_its_name():
    found = split(Money(10, "JPY"), shares(1, 3))

    assert found == [("payee 0", Money(3, "JPY")), ("payee 1", Money(7, "JPY"))]


def test_one_payee_may_stand_twice():
    twice = [Share("budget", 1), Share("budget", 1)]

    assert [part.minor for _, part in split(UZS("0.03"), twice)] == [2, 1]
