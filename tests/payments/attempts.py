"""Attempts to pay, in the words of their tests: started, looked up, told."""

from datetime import datetime, timedelta

from foundation.history import events_of
from payments.charges import Charge, Handle, charges_of, find_charge
from payments.checkout import ASK_AFTER, NEVER_SENT_AFTER, Till, start_checkout
from tests.given import NOON

SOON = NOON + ASK_AFTER + timedelta(seconds=1)
MUCH_LATER = NOON + NEVER_SENT_AFTER


def start(till: Till, bill, provider: str = "stripe", at: datetime = NOON) -> tuple[Handle, str]:
    return start_checkout(till, bill.reference, provider=provider, language="uz", at=at)


def charge_of(till: Till, handle: Handle) -> Charge:
    with till.database.transaction() as session:
        return find_charge(session, handle)


def attempts(till: Till, bill) -> list[str]:
    with till.database.transaction() as session:
        return [charge.state for charge in charges_of(session, bill)]


def events(till: Till, handle: Handle) -> list[str]:
    with till.database.transaction() as session:
        return [event.what for event in events_of(session, find_charge(session, handle))]


def ref(handle: Handle) -> str:
    return f"cs_{handle}"
