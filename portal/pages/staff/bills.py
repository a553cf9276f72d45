"""Bills for the agency's staff: find one, issue one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from pydantic import Field

from ledger.money import Money
from portal.forms import Amount, Form, Mistake
from portal.languages import msg
from portal.pages.staff.frame import ONE_PAGE, Pages, Staff


class NewBillForm(Form):
    """A bill as the agency's clerk types it; without an amount (in soʻm) it takes the service's fee."""

    service: str
    payer_name: str = Field(min_length=2, max_length=200)
    amount: Annotated[Amount, Field(gt=0, max_digits=15, decimal_places=2)] | None = None

    sentences = {
        "service": {"missing": msg("Choose a service")},
        "payer_name": {"missing": msg("Enter the payer's name")},
        "amount": {
            "wrong": msg("Enter an amount in soʻm, such as 150 000 or 150 000,50"),
        },
    }


@dataclass(frozen=True)
class BillRow:
    """One bill in the list; `state` is a word of WORDS["bill_state"]."""

    reference: str
    url: str
    payer: str
    service: str
    amount: Money
    state: str
    due: date | None = None
    can_cancel: bool = False


@dataclass(frozen=True)
class BillsPage:
    """`staff/bills.html`: search and list; `issued` is the reference of a bill just made."""

    staff: Staff
    rows: tuple[BillRow, ...]
    query: str = ""
    state: str = ""
    can_issue: bool = True
    issued: str | None = None
    pages: Pages = ONE_PAGE


@dataclass(frozen=True)
class ServiceOption:
    """A service that a bill can be issued for, with its fee."""

    code: str
    name: str
    fee: Money


@dataclass(frozen=True)
class NewBillPage:
    """`staff/bill_new.html`: the form; `typed` is kept as it was typed."""

    staff: Staff
    services: tuple[ServiceOption, ...]
    typed: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
