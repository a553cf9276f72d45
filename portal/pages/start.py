"""The first page: one box for the payment reference."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from portal.forms import Digits, Form, Mistake
from portal.languages import msg

REFERENCE_UNKNOWN = msg("We have no bill with this payment reference. Check it against your letter")
REFERENCE_MISTYPED = msg("One digit seems to be wrong. Check the payment reference")


class ReferenceForm(Form):
    """The box of the start page; spaces and dashes in it do not matter."""

    reference: Annotated[Digits, Field(pattern=r"^[0-9]{20}$")]

    sentences = {
        "reference": {
            "missing": msg("Enter the payment reference"),
            "wrong": msg("The payment reference has 20 digits and nothing else"),
        }
    }


@dataclass(frozen=True)
class StartPage:
    """`start.html`: pay a bill or fee. `reference` is what was typed, as it was typed."""

    reference: str = ""
    mistakes: tuple[Mistake, ...] = ()
