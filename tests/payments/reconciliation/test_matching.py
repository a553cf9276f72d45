"""Matching: only a key in the line decides, and where two answers are possible a person does."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.money import UZS, Money
from payments.reconciliation.matching import (
    BillMatch,
    Decision,
    Leftover,
    Line,
    PayoutMatch,
    Unmatched,
    match,
)
from payments.references import show, with_check_digits

REFERENCE = "10100007000000000178"
OTHER_REFERENCE = "00010001000000000180"
PAYOUT, OTHER_PAYOUT = ("stripe", "po_0001"), ("payme", "pm_0002")
PAYOUTS = {PAYOUT: UZS("100"), OTHER_PAYOUT: UZS("50")}


def line(*texts: str, amount: str = "100", number: int = 1) -> Line:
    return Line(UUID(int=number), UZS(amount), texts)


def decide(*lines: Line, payouts=None, seen=()) -> list[Decision]:
    return match(lines, PAYOUTS if payouts is None else payouts, seen=seen)


def why(*lines: Line, **more) -> list[Leftover | None]:
    return [getattr(decision, "why", None) for decision in decide(*lines, **more)]


@pytest.mark.parametrize(
    "texts",
    [
        (),
        ("",),
        ("toʻlov",),
        ("100.00", "Aziza Karimova"),
        ("po_000",),
        ("po_00011",),
        ("xpo_0001",),
        ("PO_0001",),
        (REFERENCE[:-1],),
        (REFERENCE[:-2] + "79",),
    ],
)
def test_neither_amount_nor_name_nor_half_a_key_matches_anything(texts):
    assert why(line(*texts)) == [Leftover.NO_KEY]


def test_a_payout_of_another_amount_is_not_matched():
    (decision,) = decide(line("po_0001", amount="99.99"))

    assert decision.why is Leftover.PAYOUT_AMOUNT_DIFFERS
    assert decision.detail == "po_0001: announced 100.00 UZS, booked 99.99 UZS"
    assert why(line("po_0001"), payouts={PAYOUT: Money(100_00, "EUR")}) == [
        Leftover.PAYOUT_AMOUNT_DIFFERS
    ]


def test_two_keys_in_one_line_go_to_a_person():
    assert (
        why(
            line("po_0001 pm_0002"),
            line(REFERENCE, OTHER_REFERENCE),
            line(f"{REFERENCE} {OTHER_REFERENCE}"),
        )
        == [Leftover.SEVERAL_KEYS] * 3
    )


def test_two_providers_with_a_payout_of_one_name_go_to_a_person():
    twins = {("stripe", "payout-1"): UZS("100"), ("payme", "payout-1"): UZS("100")}

    assert why(line("payout-1"), payouts=twins) == [Leftover.SEVERAL_KEYS]


def test_a_payout_shown_twice_is_taken_once():
    first, second = decide(line("po_0001", number=1), line("po_0001", number=2))

    assert first == PayoutMatch(UUID(int=1), PAYOUT)
    assert second == Unmatched(UUID(int=2), Leftover.PAYOUT_SEEN_BEFORE, "po_0001")


def test_a_payout_that_the_bank_showed_in_an_earlier_statement_is_not_taken_again():
    assert why(line("po_0001"), seen=[PAYOUT]) == [Leftover.PAYOUT_SEEN_BEFORE]


def test_money_that_went_out_never_pays_a_bill():
    assert why(line(REFERENCE, amount="-100")) == [Leftover.DEBIT]
    assert why(line("bank charge", amount="-1")) == [Leftover.DEBIT]


def test_a_negative_payout_is_matched_by_its_debit():
    assert decide(line("po_0001", amount="-7"), payouts={PAYOUT: UZS("-7")}) == [
        PayoutMatch(UUID(int=1), PAYOUT)
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ("po_0001",),
        ("STRIPE PAYOUT po_0001.",),
        ("", "payout:po_0001/2026"),
        ("po_0001", "po_0001 once more"),
    ],
)
def test_a_payouts_own_id_matches_wherever_it_stands(texts):
    assert decide(line(*texts)) == [PayoutMatch(UUID(int=1), PAYOUT)]


@pytest.mark.parametrize(
    "texts",
    [(REFERENCE,), ("NOTPROVIDED", f"toʻlov {show(REFERENCE)} pasport"), (REFERENCE, REFERENCE)],
)
def test_a_payment_reference_matches_its_bill(texts):
    assert decide(line(*texts)) == [BillMatch(UUID(int=1), REFERENCE)]


KEYS = ("po_0001", "pm_0002", REFERENCE, OTHER_REFERENCE, "toʻlov", "")
LINES = st.lists(
    st.builds(
        Line,
        st.uuids(),
        st.builds(Money, st.sampled_from([100_00, 50_00, -100_00, 1]), st.just("UZS")),
        st.lists(st.sampled_from(KEYS), max_size=3),
    ),
    max_size=12,
)


@settings(max_examples=200)
@given(lines=LINES)
def test_every_line_is_decided_once_and_no_payout_is_used_twice(lines):
    decisions = match(lines, PAYOUTS)

    assert [decision.line for decision in decisions] == [one.id for one in lines]
    used = [one.payout for one in decisions if isinstance(one, PayoutMatch)]
    assert len(used) == len(set(used))
    assert match(lines, PAYOUTS) == decisions, "the same input gives the same decisions"


@settings(max_examples=200)
@given(lines=LINES)
def test_a_matched_payout_has_its_amount_and_a_matched_bill_came_in(lines):
    amounts = {one.id: one.amount for one in lines}
    for decision in match(lines, PAYOUTS):
        if isinstance(decision, PayoutMatch):
            assert amounts[decision.line] == PAYOUTS[decision.payout]
        elif isinstance(decision, BillMatch):
            assert amounts[decision.line].minor > 0


@settings(max_examples=100)
@given(text=st.text(max_size=60), serial=st.integers(0, 10**10 - 1))
def test_foreign_text_around_a_key_changes_no_other_line(text, serial):
    reference = with_check_digits(f"20200001{serial:010d}")
    alone = decide(line(reference, number=2))

    assert decide(line(text, number=1), line(reference, number=2))[1:] == alone
