"""Attempts to pay: open one, note that the provider has it, end one without money."""

from datetime import datetime

from sqlalchemy.orm import Session

from foundation.errors import Conflict
from foundation.history import record
from foundation.ids import new_id
from identity.actor import Actor
from payments.bills import Bill, refuse_unpayable
from payments.charges.records import (
    CLOSED_UNPAID,
    LIFECYCLE,
    Charge,
    ChargeState,
    current_charge,
)


class BillBusy(Conflict):
    """A payment of this bill is under way; finish or cancel it first."""


def open_charge(
    session: Session, bill: Bill, *, provider: str, language: str, by: Actor, at: datetime
) -> Charge:
    """Write down an attempt to pay a locked bill; no money moves.

    An attempt that is open already is returned if it is with the same provider; one that never
    reached its provider gives way. Raises BillBusy, BillAlreadyPaid, BillExpired and BillCancelled.
    """
    refuse_unpayable(bill, at)
    current = current_charge(session, bill)
    if current is not None:
        if current.provider == provider:
            return current
        if current.state == ChargeState.PENDING:
            raise BillBusy(provider=current.provider, reference=bill.reference)
        close_charge(session, current, "cancel", by=by, at=at, reason="another way was chosen")
    charge = Charge(
        org_id=bill.org_id,
        id=new_id(),
        bill_id=bill.id,
        provider=provider,
        language=language,
        amount_minor=bill.amount_minor,
        currency=bill.currency,
        state=ChargeState.CREATED.value,
        created_at=at,
    )
    session.add(charge)
    session.flush()
    record(session, charge, "created", by=by, at=at, provider=provider, reference=bill.reference)
    return charge


def mark_sent(
    session: Session,
    charge: Charge,
    *,
    provider_ref: str,
    checkout_url: str | None,
    by: Actor,
    at: datetime,
) -> None:
    """The provider has the attempt under `provider_ref`; what it was told already stays."""
    if charge.provider_ref is None:
        charge.provider_ref, charge.checkout_url = provider_ref, checkout_url
    if charge.state == ChargeState.CREATED:
        charge.state = LIFECYCLE.after("send", ChargeState(charge.state))
        record(session, charge, "sent", by=by, at=at, provider_ref=provider_ref)


def close_charge(
    session: Session, charge: Charge, event: str, *, by: Actor, at: datetime, reason: str
) -> Charge:
    """End an attempt without money: `event` is "cancel", "expire" or "decline". Raises IllegalMove."""
    if charge.state in CLOSED_UNPAID:
        return charge
    charge.state = LIFECYCLE.after(event, ChargeState(charge.state))
    charge.closed_at = at
    record(session, charge, charge.state, by=by, at=at, reason=reason)
    return charge
