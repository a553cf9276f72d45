"""Work stored callbacks: read the present state from the provider, then settle in one transaction."""

from datetime import datetime

from foundation.errors import Refusal
from identity.actor import provider_actor
from identity.parties import operator
from ledger.money import Money
from payments.breaks import BreakKind, open_break
from payments.callbacks import inbox
from payments.callbacks.inbox import Callback, CallbackState
from payments.charges import Handle, find_charge
from payments.checkout import Till, apply_answer
from payments.gateways.protocol import Gateway, Notice


class NoticeIncomplete(Refusal):
    """The callback does not say which payment it is about."""


def work_callbacks(till: Till, *, at: datetime, limit: int = 20) -> dict[str, int]:
    """Work what waits in the inbox, each in its own transaction; a failure delays only itself."""
    with till.database.transaction() as session:
        taken = inbox.claim(session, limit=limit)
    counts = dict.fromkeys(("handled", "ignored", "put_back"), 0)
    for callback in taken:
        counts[_work(till, callback, at=at)] += 1
    return counts


def _work(till: Till, callback: Callback, *, at: datetime) -> str:
    try:
        state = _apply(till, till.gateways[callback.source], callback, at=at)
    except Exception as failure:  # noqa: BLE001 - one poison callback never stops its neighbours
        _put_back(till, callback, f"{type(failure).__name__}: {failure}", at=at)
        return "put_back"
    with till.database.transaction() as session:
        inbox.finish(session, callback, state, at=at)
    return state.value


def _apply(till: Till, gateway: Gateway, callback: Callback, *, at: datetime) -> CallbackState:
    """The event only says what to look at: the provider is asked, and its answer is applied.

    Applying is idempotent, so a crash between it and the inbox's mark does no harm.
    """
    notice = gateway.reread(callback.body)
    if notice.about == "payment":
        _apply_payment(till, gateway, notice, at=at)
        return CallbackState.HANDLED
    if notice.about == "money_back":
        _ask_a_person(till, callback, notice, at=at)
        return CallbackState.HANDLED
    return CallbackState.IGNORED  # payouts are read from settlement reports, by reconciliation


def _apply_payment(till: Till, gateway: Gateway, notice: Notice, *, at: datetime) -> None:
    handle = Handle.parse(notice.handle or "")
    provider_ref = notice.provider_ref
    if provider_ref is None:
        with till.database.transaction() as session:
            provider_ref = find_charge(session, handle).provider_ref
    answer = gateway.ask(provider_ref) if provider_ref else None
    if answer is None or answer.handle != str(handle):
        raise NoticeIncomplete(event=notice.external_id, handle=str(handle))
    apply_answer(till.database, handle, answer, by=provider_actor(gateway.name), at=at)


def _ask_a_person(till: Till, callback: Callback, notice: Notice, *, at: datetime) -> None:
    with till.database.transaction() as session:
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
        if inbox.put_back(session, callback, error=error, at=at) is CallbackState.PARKED:
            open_break(
                session,
                operator(session).org_id,
                BreakKind.CALLBACK,
                subject="callback",
                subject_id=f"{callback.source}:{callback.external_id}",
                amount=Money(0, "UZS"),
                at=at,
                event=callback.type,
                error=error[:500],
            )
