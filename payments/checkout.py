"""Start a payment: write it down, ask the provider, write its answer; and give an attempt up."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from foundation.database import Database
from foundation.errors import Refused
from foundation.history import record
from identity.actor import PAYER, Actor, provider_actor, system_actor
from ledger.lane import Lane
from ledger.posting import BookShut
from ledger.shutting import takes_postings
from payments.bills import Bill, lock_bill
from payments.charges import (
    CLOSED_UNPAID,
    OPEN_STATES,
    Charge,
    ChargeState,
    Handle,
    close_charge,
    lock_charge,
    mark_sent,
    open_charge,
    settle_charge,
)
from payments.gateways.protocol import (
    CheckoutRequest,
    Gateways,
    ProviderPayment,
    ProviderState,
    ProviderUnreachable,
)
from payments.registry.services import Service

# A charge written down this long ago, which no provider ever confirmed to have, is given up.
NEVER_SENT_AFTER = timedelta(minutes=30)
ASK_AFTER = timedelta(minutes=1)
Written = TypeVar("Written")


class ProviderUnknown(Refused):
    """Choose one of the ways to pay that are offered."""


@dataclass(frozen=True)
class Till:
    """What a payment is taken with: the database, the providers, and our own address."""

    database: Database
    gateways: Gateways
    base_url: str
    # A worker settles much at once: its commits are shared. None: each has a transaction of its own.
    lane: Lane | None = None

    def write(self, rows: Callable[[Session], Written]) -> Written:
        """Run `rows` in one transaction, shared with others where this process has a lane.

        `rows` may be run a second time, after the first was rolled back: it does nothing but write.
        """
        if self.lane is not None:
            return self.lane.run([], lambda session, _: rows(session))
        with self.database.transaction() as session:
            return rows(session)

    def payment_url(self, handle: Handle) -> str:
        """The payer's page of one charge; nobody can guess it."""
        return f"{self.base_url}/payments/{handle}"


def start_checkout(
    till: Till, reference: str, *, provider: str, language: str, at: datetime
) -> tuple[Handle, str]:
    """Send a payer to pay: returns the charge and the provider's page to redirect to.

    [transaction] the charge is written down → [no transaction] the provider is asked, the charge's
    handle being its idempotency key → [transaction] its answer is written down. A repeated request
    finds the same charge and the same page; a crash between the steps is finished by the next one.

    Raises ProviderUnknown, ProviderUnreachable, BillBusy, BookShut, and what find_bill and refuse_unpayable
    raise.
    """
    gateway = till.gateways.get(provider)
    if gateway is None:
        raise ProviderUnknown(provider=provider[:40], offered=", ".join(till.gateways))
    with till.database.transaction() as session:
        bill = lock_bill(session, reference)
        charge = open_charge(session, bill, provider=provider, language=language, by=PAYER, at=at)
        if not takes_postings(session, bill.org_id):
            raise BookShut(org_id=bill.org_id)
        if charge.checkout_url is not None:
            return charge.handle, charge.checkout_url
        request = _request(session, till, bill, charge)

    opened = gateway.open_checkout(request)

    with till.database.transaction() as session:
        charge = lock_charge(session, charge.handle)
        if opened.provider_ref is not None:
            mark_sent(
                session,
                charge,
                provider_ref=opened.provider_ref,
                checkout_url=opened.url,
                by=provider_actor(provider),
                at=at,
            )
        elif charge.provider_ref is None:
            charge.checkout_url = opened.url  # the way back for a payer who turned round there
    return charge.handle, opened.url


def can_be_given_up(till: Till, charge: Charge) -> bool:
    """Whether the payer may end this attempt here: its provider can be told, or never heard of it."""
    if charge.checkout_url is None:
        return False
    gateway = till.gateways.get(charge.provider)
    return charge.provider_ref is None or (gateway is not None and gateway.can_be_asked)


def cancel_checkout(till: Till, handle: Handle, *, by: Actor, at: datetime) -> Charge:
    """Give an attempt up at its provider; money that arrived meanwhile settles it instead.

    Raises ChargeNotFound and ProviderUnreachable (the attempt then stays open).
    """
    with till.database.transaction() as session:
        charge = lock_charge(session, handle)
        if charge.state not in OPEN_STATES:
            return charge
        if charge.provider_ref is None:
            return close_charge(
                session, charge, "cancel", by=by, at=at, reason="given up by the payer"
            )
    gateway = till.gateways.get(charge.provider)
    if gateway is None:
        raise ProviderUnreachable(provider=charge.provider)
    answer = gateway.close_checkout(charge.provider_ref)
    with till.database.transaction() as session:
        return apply_answer(session, handle, answer, by=by, at=at)


def apply_answer(
    session: Session, handle: Handle, answer: ProviderPayment, *, by: Actor, at: datetime
) -> Charge:
    """Bring a charge to what its provider says, whoever asked; the one way money settles a charge.

    Raises ChargeNotFound.
    """
    charge = lock_charge(session, handle)
    speaker = provider_actor(charge.provider)
    mark_sent(
        session, charge, provider_ref=answer.provider_ref, checkout_url=None, by=speaker, at=at
    )
    charge.payment_ref = answer.payment_ref or charge.payment_ref
    if answer.state is ProviderState.PAID and answer.amount is not None:
        settle_charge(session, charge, confirmed=answer.amount, by=speaker, at=at)
    elif charge.state in OPEN_STATES and answer.state in ENDINGS:
        event = ENDINGS[answer.state]
        if event == "expire" and by == PAYER:
            event = "cancel"
        close_charge(session, charge, event, by=by, at=at, reason=answer.state.value)
    return charge


def apply_what_was_asked(
    session: Session, handle: Handle, answer: ProviderPayment, *, by: Actor, at: datetime
) -> Charge:
    """Apply an answer nobody had told us; a state corrected by it is an event of its own."""
    before = lock_charge(session, handle).state
    after = apply_answer(session, handle, answer, by=by, at=at)
    if after.state != before:
        record(session, after, "found_by_asking", by=by, at=at, was=before, state=after.state)
    return after


ENDINGS = {ProviderState.EXPIRED: "expire", ProviderState.DECLINED: "decline"}


def resolve_open_charges(till: Till, *, at: datetime, limit: int = 100) -> dict[str, int]:
    """Ask providers about attempts that are still open, so that a lost callback settles by itself.

    An attempt its provider never had is given up after half an hour; an unreachable provider leaves
    everything as it is until the next run. Where more wait than `limit`, chance decides which are
    asked, so that no heap of abandoned attempts stands before one that was paid.
    """
    askable = [name for name, gateway in till.gateways.items() if gateway.can_be_asked]
    never_sent = Charge.provider_ref.is_(None) & (Charge.created_at <= at - NEVER_SENT_AFTER)
    unheard_of = Charge.provider_ref.is_not(None) & (Charge.created_at < at - ASK_AFTER)
    with till.database.transaction() as session:
        query = (
            select(Charge)
            .where(
                Charge.state.in_([state.value for state in OPEN_STATES]),
                or_(never_sent, unheard_of & Charge.provider.in_(askable)),
            )
            .order_by(func.random())
            .limit(limit)
        )
        waiting = list(session.scalars(query))
    counts = {"asked": 0, "settled": 0, "closed": 0, "unreachable": 0}
    for charge in waiting:
        counts[_resolve(till, charge, at=at)] += 1
    return counts


def paid_instead(session: Session, charge: Charge) -> Charge | None:
    """The charge that was paid in place of an attempt that its provider never heard of.

    A link to Payme outlives our attempt; who pays by it later comes back to the page of the old one.
    """
    if charge.state not in CLOSED_UNPAID or charge.provider_ref is not None:
        return None
    query = select(Charge).where(
        Charge.org_id == charge.org_id,
        Charge.bill_id == charge.bill_id,
        Charge.provider == charge.provider,
        Charge.created_at > charge.created_at,
        Charge.settled_at.is_not(None),
    )
    return session.scalars(query.order_by(Charge.settled_at).limit(1)).one_or_none()


def _request(session: Session, till: Till, bill: Bill, charge: Charge) -> CheckoutRequest:
    """What the provider is asked: the same words each time, since the key that names them is the same."""
    service = session.get_one(Service, (bill.org_id, bill.service_code))
    return CheckoutRequest(
        handle=str(charge.handle),
        reference=bill.reference,
        amount=charge.amount,
        description=service.name.get(charge.language) or service.name["uz"],
        language=charge.language,
        return_url=f"{till.payment_url(charge.handle)}?lang={charge.language}",
        created_at=charge.created_at,
    )


def _resolve(till: Till, charge: Charge, *, at: datetime) -> str:
    clerk = system_actor("resolve_open_charges")
    if charge.provider_ref is None:
        with till.database.transaction() as session:
            locked = lock_charge(session, charge.handle)
            if locked.provider_ref is None and locked.state == ChargeState.CREATED:
                close_charge(session, locked, "expire", by=clerk, at=at, reason="never sent")
        return "closed"
    return _ask(till, charge, clerk, at=at)


def _ask(till: Till, charge: Charge, clerk: Actor, *, at: datetime) -> str:
    try:
        answer = till.gateways[charge.provider].ask(charge.provider_ref or "")
    except ProviderUnreachable:
        return "unreachable"
    if answer is None:
        return "asked"
    try:
        with till.database.transaction() as session:
            after = apply_what_was_asked(session, charge.handle, answer, by=clerk, at=at)
    except BookShut:
        return "asked"  # it is asked again when its book is open
    if after.state in OPEN_STATES:
        return "asked"
    return "settled" if after.state == ChargeState.SETTLED else "closed"
