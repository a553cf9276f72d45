"""Handles: how the outside names a charge, and what is no name of any."""

import pytest

from foundation.ids import new_id
from payments.charges import (
    ChargeNotFound,
    Handle,
    find_charge,
    lock_charge,
)
from tests.given import AGENCY, OTHER_AGENCY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "2",
        "2-",
        "two-0192ab00-0000-7000-8000-000000000001",
        "2-0192ab00-0000-7000-8000-00000000000g",
        "2-" + "-" * 36,
        "2-" + "a" * 36,
        "9999999999-0192ab00-0000-7000-8000-000000000001",
        "-2-0192ab00-0000-7000-8000-000000000001",
        "٢-0192ab00-0000-7000-8000-000000000001",
        "2-0192ab00-0000-7000-8000-000000000001\n",
        "\x00",
        "\ud800",
        "2-" + "0" * 10**6,
    ],
)
def test_a_handle_that_is_none_names_no_payment(text):
    with pytest.raises(ChargeNotFound):
        Handle.parse(text)


def test_a_handle_of_another_organisation_names_no_payment(db, given):
    charge = given.pending_charge(given.open_bill())
    with pytest.raises(ChargeNotFound), db.transaction() as session:
        find_charge(session, Handle(OTHER_AGENCY, charge.id))
    with pytest.raises(ChargeNotFound), db.transaction() as session:
        lock_charge(session, Handle(AGENCY, new_id()))
