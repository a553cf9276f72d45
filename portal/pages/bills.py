"""A citizen's bill: check it, choose how to pay."""

from dataclasses import dataclass
from datetime import date, datetime

from ledger.money import Money
from portal.forms import Form, Mistake
from portal.languages import msg


class MethodForm(Form):
    """The choice of a way to pay."""

    provider: str

    sentences = {"provider": {"missing": msg("Choose how to pay")}}


@dataclass(frozen=True)
class Attempt:
    """A payment of this bill that is under way; `url` is its page."""

    url: str
    provider: str
    started_at: datetime
    can_cancel: bool


@dataclass(frozen=True)
class BillPage:
    """`bill.html`: check your bill.

    `state` is open, paid, busy, expired or cancelled. `payer` is masked; `service` says what the
    sum is for and `law` by which rule it is owed. `providers` are codes of WORDS["provider"], in
    the order to show; `chosen` is marked. `settled_on` is the day on which a bill that is no longer
    open was paid, expired or cancelled.
    """

    reference: str
    state: str
    agency: str
    service: str
    payer: str
    law: str
    amount: Money
    fee: Money
    due: date | None = None
    settled_on: date | None = None
    providers: tuple[str, ...] = ()
    chosen: str = ""
    attempt: Attempt | None = None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def total(self) -> Money:
        """What the payer gives: the bill and the fee."""
        return self.amount + self.fee
