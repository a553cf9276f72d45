from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData, UploadFile

from payments.bills import PayerNameMissing
from portal.forms import (
    FILE_MISSING,
    FILE_TOO_LARGE,
    Amount,
    Form,
    Mistake,
    Mistakes,
    Upload,
    amount_of,
    gather_date,
    read_file,
    read_form,
    signed_amount_of,
)
from portal.pages.bills import MethodForm
from portal.pages.staff.bills import NewBillForm
from portal.pages.start import ReferenceForm


def sentences(result) -> list[tuple[str, str]]:
    assert isinstance(result, Mistakes)
    return [(mistake.field, mistake.sentence) for mistake in result.found]


def test_an_empty_box_and_a_missing_one_are_the_same_mistake():
    missing = [("reference", "Enter the payment reference")]
    assert sentences(read_form(ReferenceForm, {"reference": "  "})) == missing
    assert sentences(read_form(ReferenceForm, {})) == missing


def test_a_box_that_was_left_empty_is_as_if_it_were_not_there():
    typed = {"service": "2-0001", "payer_name": "Aziza Karimova"}
    assert read_form(NewBillForm, typed | {"amount": " "}) == read_form(NewBillForm, typed)
    assert read_form(NewBillForm, typed | {"amount": ""}).amount is None


@pytest.mark.parametrize(
    ("typed", "read"),
    [("-1 000,50", Decimal("-1000.50")), ("\N{MINUS SIGN}5", Decimal(-5)), ("7", Decimal(7))],
)
def test_a_sum_below_zero_is_read_where_there_can_be_one(typed, read):
    assert signed_amount_of(typed) == read
    for wrong in ("--1", "1-", "-", "- "):
        with pytest.raises((ValueError, InvalidOperation)):
            Decimal(signed_amount_of(wrong))


@pytest.mark.parametrize("typed", ["123", "1010000700000000017X", "١" * 20, "1" * 21, "drop table"])
def test_what_is_not_twenty_digits_is_a_mistake_and_is_kept_as_typed(typed):
    result = read_form(ReferenceForm, {"reference": typed})
    assert sentences(result) == [
        ("reference", "The payment reference has 20 digits and nothing else")
    ]
    assert result.typed == {"reference": typed}


@pytest.mark.parametrize("gap", [" ", "-", "\N{NO-BREAK SPACE}", " \N{EN DASH} "])
def test_spaces_and_dashes_in_a_reference_do_not_matter(gap):
    typed = gap.join(("1010", "0007", "0000", "0000", "0178"))
    assert read_form(ReferenceForm, {"reference": typed}) == ReferenceForm(
        reference="10100007000000000178"
    )


def test_no_way_to_pay_was_chosen():
    assert sentences(read_form(MethodForm, {})) == [("provider", "Choose how to pay")]


def test_mistakes_come_in_the_order_of_the_fields_one_for_each():
    result = read_form(NewBillForm, {"amount": "a lot", "payer_name": ""})
    assert [field for field, _ in sentences(result)] == ["service", "payer_name", "amount"]


def test_a_text_that_is_too_long_is_told_its_limit():
    result = read_form(NewBillForm, {"service": "0007", "payer_name": "a" * 201})
    assert result.found[0].facts["max_length"] == 200
    assert result.found[0].sentence == "Use at most %(max_length)s characters"


def test_a_bill_without_an_amount_takes_the_fee_of_the_service():
    form = read_form(NewBillForm, {"service": "0007", "payer_name": "Aziza Karimova"})
    assert isinstance(form, NewBillForm)
    assert form.amount is None


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("150000", "150000"),
        ("1 250 000,50", "1250000.50"),
        ("1,250,000.5", "1250000.5"),
        ("1.250.000", "1250000"),
        ("0,05", "0.05"),
        ("1\N{NO-BREAK SPACE}000", "1000"),
    ],
)
def test_a_sum_is_understood_as_people_type_it(typed, amount):
    assert amount_of(typed) == Decimal(amount)


@pytest.mark.parametrize("typed", ["1.2.3", "12,34,56", "-5", "1e9", "NaN", "٥", "1,2345", "."])
def test_what_is_not_a_sum_is_refused(typed):
    with pytest.raises(ValueError, match="amount"):
        amount_of(typed)


@given(st.integers(min_value=0, max_value=10**13))
def test_every_grouped_sum_reads_back_exactly(minor):
    assert amount_of(f"{Decimal(minor) / 100:,.2f}") == Decimal(minor) / 100


@pytest.mark.parametrize("amount", ["0", "0,00", "99999999999999999"])
def test_a_sum_of_nothing_or_beyond_all_measure_is_refused(amount):
    typed = {"service": "0007", "payer_name": "Aziza", "amount": amount}
    assert [field for field, _ in sentences(read_form(NewBillForm, typed))] == ["amount"]


def test_three_boxes_make_a_date():
    data = {"due_day": "7", "due_month": "3", "due_year": "2026"}
    assert gather_date(data, "due")["due"] == "2026-03-07"
    assert gather_date({}, "due")["due"] == ""


def test_a_file_that_was_not_chosen_is_a_mistake():
    assert sentences(read_file(FormData(), "statement", limit_bytes=10)) == [
        ("statement", FILE_MISSING)
    ]
    assert sentences(read_file({"statement": "text"}, "statement", limit_bytes=10)) == [
        ("statement", FILE_MISSING)
    ]


def test_a_file_beyond_the_limit_is_refused_and_one_at_the_limit_is_read(tmp_path):
    path = tmp_path / "statement.xml"
    path.write_bytes(b"12345")
    with path.open("rb") as file:
        data = {"statement": UploadFile(file, filename="statement.xml")}
        assert sentences(read_file(data, "statement", limit_bytes=4)) == [
            ("statement", FILE_TOO_LARGE)
        ]
        file.seek(0)
        assert read_file(data, "statement", limit_bytes=5) == Upload("statement.xml", b"12345")


def test_a_refusal_of_an_operation_stands_at_its_field():
    mistake = Mistake.of(PayerNameMissing(field="payer_name"), "payer_name")
    assert (mistake.field, mistake.sentence) == (
        "payer_name",
        "Write the payer's name, in 2 to 200 characters.",
    )


def test_a_field_without_sentences_of_its_own_has_the_general_ones():
    class Plain(Form):
        amount: Amount

    assert sentences(read_form(Plain, {})) == [("amount", "Fill in this field")]
    assert sentences(read_form(Plain, {"amount": "x"})) == [
        ("amount", "Check this field and type it again")
    ]
