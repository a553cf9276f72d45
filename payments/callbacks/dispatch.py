"""Work stored callbacks: read the present state from the provider, then settle in one transaction."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from sqlalchemy.orm import Session

from foundation.database import storable
from foundation.errors import Refusal
from identity.actor import provider_actor
from identity.parties import operator
from ledger.money import Money
from ledger.posting import BookShut
from payments.breaks import BreakKind, open_break
from payments.callbacks import inbox
from payments.callbacks.inbox import Callback, CallbackState
from payments.charges import Handle, find_charge
from payments.checkout import Till, apply_answer
from payments.gateways.protocol import Gateway, Notice, ProviderPayment

MOST_OF_AN_ERROR = 500  # characters
AT_ONCE = 8


class NoticeIncomplete(Refusal):
    """The callback does not say which payment it is about."""


def work_callbacks(till: Till, *, at: datetime, limit: int = 20) -> dict[str, int]:
    """Work what waits in the inbox, some at a time; a failure delays only itself."""
    with till.database.transaction() as session:
        taken = inbox.claim(session, limit=limit)
    counts = dict.fromkeys(("handled", "ignored", "put_back"), 0)
    with ThreadPoolExecutor(AT_ONCE) as pool:  # providers are asked side by side
        for outcome in pool.map(lambda callback: _work(till, callback, at=at), taken):
            counts[outcome] += 1
    return counts


def _work(till: Till, callback: Callback, *, at: datetime) -> str:
    try:
        return _apply(till, till.gateways[callback.source], callback, at=at).value
    except BookShut as shut:
        with till.database.transaction() as session:
            inbox.wait(session, callback, error=str(shut))
        return "put_back"
    except Exception as failure:  # noqa: BLE001 - one poison callback never stops its neighbours
        error = storable(f"{type(failure).__name__}: {failure}")[:MOST_OF_AN_ERROR]
        _put_back(till, callback, error, at=at)
        return "put_back"


def _apply(till: Till, gateway: Gateway, callback: Callback, *, at: datetime) -> CallbackState:
    """The event only says what to look at: the provider is asked, then all is written at once.

    Charge, journal, bill, receipt and the inbox's own mark are one transaction.
    """
    notice = gateway.reread(callback.body)
    handle, answer = None, None
    if notice.about == "payment":
        handle, answer = _ask(till, gateway, notice)

    def rows(session: Session) -> CallbackState:
        state = CallbackState.HANDLED
        if handle is not None and answer is not None:
            apply_answer(session, handle, answer, by=provider_actor(gateway.name), at=at)
        elif notice.about == "money_back":
            _ask_a_person(session, callback, notice, at=at)
        else:  # payouts are read from settlement reports, by reconciliation
            state = CallbackState.IGNORED
        inbox.finish(session, callback, state, at=at)
        return state

    return till.write(rows)


def _ask(till: Till, gateway: Gateway, notice: Notice) -> tuple[Handle, ProviderPayment]:
    handle = Handle.parse(notice.handle or "")
    provider_ref = notice.provider_ref
    if provider_ref is None:
        with till.database.transaction() as session:
            provider_ref = find_charge(session, handle).provider_ref
    answer = gateway.ask(provider_ref) if provider_ref else None
    if answer is None or answer.handle != str(handle):
        raise NoticeIncomplete(event=notice.external_id, handle=str(handle))
    return handle, answer


def _ask_a_person(session: Session, callback: Callback, notice: Notice, *, at: datetime) -> None:
    open_break(
        session,
        operator(session).org_id,
        BreakKind.STATE,
        subject="callback",
        subject_id=f"{callback.source}:{callback.external_id}",
        amount=notice.amount or Money(0, "UZS"),
        at=at,
        event=notice.type,
        handle=notice.handle or "",
    )


def _put_back(till: Till, callback: Callback, error: str, *, at: datetime) -> None:
    with till.database.transaction() as session:
        if inbox.put_back(session, callback, error=error) is CallbackState.PARKED:
            open_break(
                session,
                operator(session).org_id,
                BreakKind.CALLBACK,
                subject="callback",
                subject_id=f"{callback.source}:{callback.external_id}",
                amount=Money(0, "UZS"),
                at=at,
                event=callback.type,
                error=error,
            )
