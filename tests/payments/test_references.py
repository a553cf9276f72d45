"""Payment references: every mistyped digit is noticed, and a reference is found wherever it stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.references import (
    LENGTH,
    ReferenceMalformed,
    find_in,
    make_reference,
    show,
    validate,
    with_check_digits,
)

# Computed by hand from ISO 7064: check = 98 - (body * 100 mod 97).
GOOD = "10100007000000000178"
OTHER = "00010001000000000180"
BODY = st.text("0123456789", min_size=18, max_size=18)


@pytest.mark.parametrize("place", range(LENGTH))
def test_every_single_wrong_digit_is_refused(place):
    for digit in set("0123456789") - {GOOD[place]}:
        with pytest.raises(ReferenceMalformed):
            validate(GOOD[:place] + digit + GOOD[place + 1 :])


@pytest.mark.parametrize(
    "place", [place for place in range(LENGTH - 1) if GOOD[place] != GOOD[place + 1]]
)
def test_every_swap_of_neighbours_is_refused(place):
    swapped = GOOD[:place] + GOOD[place + 1] + GOOD[place] + GOOD[place + 2 :]
    with pytest.raises(ReferenceMalformed):
        validate(swapped)


@settings(max_examples=150)
@given(body=BODY, place=st.integers(0, LENGTH - 2), digit=st.sampled_from("0123456789"))
def test_a_wrong_digit_or_swap_is_noticed_in_any_reference(body, place, digit):
    right = with_check_digits(body)
    wrong = right[:place] + digit + right[place + 1 :]
    swapped = right[:place] + right[place + 1] + right[place] + right[place + 2 :]

    assert validate(right) == right
    for mistyped in {wrong, swapped} - {right}:
        with pytest.raises(ReferenceMalformed):
            validate(mistyped)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "digits-only"),
        (GOOD[:-1], "length"),
        (GOOD + "0", "length"),
        (GOOD + GOOD, "length"),
        (GOOD[:-1] + "O", "digits-only"),
        ("+" + GOOD, "digits-only"),
        ("\x00" + GOOD, "digits-only"),
        (GOOD.translate({ord(str(n)): 0x660 + n for n in range(10)}), "digits-only"),
        ("²" * 20, "digits-only"),
        ("\ud800" * 20, "digits-only"),
        ("9" * 100_000, "length"),
    ],
)
def test_what_is_not_twenty_ascii_digits_is_refused_with_the_reason(typed, reason):
    with pytest.raises(ReferenceMalformed) as refusal:
        validate(typed)

    assert refusal.value.facts["reason"] == reason
    assert len(str(refusal.value.facts["reference"])) <= 40


@pytest.mark.parametrize(
    "typed",
    [
        "1010 0007 0000 0000 0178",
        "1010-0007-0000-0000-0178",
        "1010\u00a00007\u00a00000\u00a00000\u00a00178",
        "1010\u202f0007\u20130000\u20140000.0178",
        "  1010  0007 0000\t0000 0178\n",
    ],
)
def test_a_reference_is_read_however_people_group_it(typed):
    assert validate(typed) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        f"9{GOOD}",
        f"{GOOD}9",
        f"{GOOD}{OTHER}",
        GOOD[:-1],
        GOOD[:-2] + "79",
        GOOD.replace("7", "٧"),
        "23402000300100001010",
        "",
        "toʻlov",
        "0" * 5000,
    ],
)
def test_no_reference_is_found_where_none_stands_alone(text):
    assert find_in(text) == []


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"Toʻlov {GOOD} pasport uchun",
        f"REF{GOOD}/2026",
        f"№{GOOD}.",
        "bill 1010 0007 0000 0000 0178",
        "bill 1010-0007-0000-0000-0178;",
        "bill 1010\u00a00007\u00a00000\u00a00000\u00a00178",
        "bill 1010\u202f0007\u202f0000\u202f0000\u202f0178",
        "bill 1010 0007 0000\n0000 0178",
        f"2026 {GOOD}",
        "20.11.2026 1010 0007 0000 0000 0178",
        "2026 1010 0007 0000 0000 0178",
        "5 kv. 12 1010 0007 0000 0000 0178 20",
        f"08101~{GOOD}~305126226~pasport",
        f"MFO 00014 STIR 305126226 {GOOD}",
        f"{GOOD} 2026",
    ],
)
def test_a_reference_is_found_among_words_and_other_numbers(text):
    assert find_in(text) == [GOOD]


def test_each_reference_is_found_once_in_the_order_of_the_text():
    assert find_in(f"{OTHER}, {GOOD} and {show(OTHER)}") == [OTHER, GOOD]


@settings(max_examples=200)
@given(text=st.text("0123456789 -\u00a0aʻ.", max_size=120))
def test_whatever_is_found_in_a_text_can_be_looked_up(text):
    for found in find_in(text):
        assert validate(found) == found


@settings(max_examples=100)
@given(body=BODY, before=st.text("ab ./", max_size=9), after=st.text("ab ./", max_size=9))
def test_a_reference_between_words_is_always_found(body, before, after):
    reference = with_check_digits(body)

    assert reference in find_in(f"{before}{reference}{after}")
    assert reference in find_in(f"{before}{show(reference)}{after}")


def test_a_new_reference_carries_agency_and_service_and_is_valid():
    made = {make_reference("2020", "0001") for _ in range(50)}

    assert len(made) == 50, "serials are random"
    assert all(validate(reference).startswith("20200001") for reference in made)


def test_the_vectors_of_the_standard_hold():
    assert with_check_digits(GOOD[:18]) == GOOD
    assert with_check_digits(OTHER[:18]) == OTHER
    assert show(GOOD) == "1010 0007 0000 0000 0178"
