"""Make periods ahead; close one softly, open it again, close it for good, reopen it by two persons."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.clock import business_date
from foundation.database import storable
from foundation.errors import Conflict, Forbidden, Refusal, Refused
from foundation.history import record
from foundation.states import IllegalMove
from ledger.accounts import SHORTEST_REASON, Book, ReasonMissing
from ledger.balances import TrialLine, trial_balance
from ledger.chart import CLEARING, JournalKind
from ledger.journals import Journal, Transfer
from ledger.periods.records import (
    LIFECYCLE,
    Period,
    PeriodClosing,
    PeriodNotFound,
    PeriodReopening,
    PeriodState,
    closings_of,
    find_period,
    held_at_closing,
    reopenings_of,
)
from ledger.posting import post_all

MADE_AHEAD = timedelta(days=92)
ONE_DAY = timedelta(days=1)
_BOOK_DAMAGED = "XX001"


class PeriodNotOver(Refused):
    """This period is not over yet."""


class PeriodOutOfOrder(Conflict):
    """Periods follow each other: the oldest is closed first, the latest is reopened first."""


class BookNotBalanced(Conflict):
    """Debits of this book do not equal credits, so none of its periods can be closed."""


class ReopeningAsked(Conflict):
    """Somebody has asked to reopen this period already."""


class ReopeningNotAsked(Conflict):
    """Nobody has asked to reopen this period."""


class SamePerson(Forbidden):
    """Whoever asks cannot approve: a second person must."""


def make_periods(session: Session, org_id: int, *, at: datetime) -> int:
    """Make the months of a book until three ahead of now; returns how many were missing.

    A book without any begins with the month in which it was opened.
    """
    known = _last_day_known(session, org_id)
    opened = business_date(session.get_one(Book, org_id).opened_at)
    first_day = opened.replace(day=1) if known is None else known + ONE_DAY
    made = 0
    while first_day <= business_date(at) + MADE_AHEAD:
        last_day = end_of_month(first_day)
        add_period(session, org_id, first_day, last_day)
        first_day, made = last_day + ONE_DAY, made + 1
    return made


def add_period(session: Session, org_id: int, first_day: date, last_day: date) -> Period:
    """Add the period that follows the last one; asked again, it is there. The first begins anywhere.

    Periods are months unless others are added before `make_periods` comes. Raises PeriodOutOfOrder.
    """
    known = _last_day_known(session, org_id)
    if known is not None and last_day <= known:
        return find_period(session, org_id, last_day)
    if last_day < first_day or (known is not None and first_day != known + ONE_DAY):
        raise PeriodOutOfOrder(first_day=first_day, last_day=last_day)
    session.execute(
        text("SELECT ledger.add_period(:org, :first, :last)"),
        {"org": org_id, "first": first_day, "last": last_day},
    )
    return find_period(session, org_id, last_day)


def end_of_month(day: date) -> date:
    """The last day of its month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def close_period_softly(
    session: Session, org_id: int, last_day: date, *, by: object, at: datetime
) -> Period:
    """From now on only adjustments are posted to its days; a payment goes to the first open day.

    Waits for the postings under way. Raises PeriodNotFound, IllegalMove, PeriodNotOver and
    PeriodOutOfOrder.
    """
    period = _move(session, org_id, last_day, "close_softly", by)
    record(session, period, "closed_softly", by=by, at=at)
    return period


def open_period_again(
    session: Session, org_id: int, last_day: date, *, by: object, at: datetime
) -> Period:
    """Take a soft closing back: everything is posted to its days again.

    Raises PeriodNotFound, IllegalMove and PeriodOutOfOrder.
    """
    period = _move(session, org_id, last_day, "open_again", by)
    record(session, period, "opened_again", by=by, at=at)
    return period


def close_period(
    session: Session, org_id: int, last_day: date, *, by: object, at: datetime
) -> PeriodClosing:
    """Nothing is posted to its days any more, and its trial balance is sealed.

    The book stands still meanwhile, so what is sealed is all that is known. The hash goes into a
    journal without lines, and so into the book's tree; what is still open is written beside it.
    Raises PeriodNotFound, IllegalMove, PeriodOutOfOrder, BookNotBalanced and BookShut.
    """
    period = _move(session, org_id, last_day, "close", by)
    closing = closings_of(session, org_id, last_day)[0]
    digest = closing.trial_balance_hash.hex()
    doc = {
        "trial_balance_sha256": digest,
        "open_holds": [[held.count, str(held.rest)] for held in held_at_closing(session, closing)],
        "clearing": [
            [line.account.label, str(line.balance)] for line in uncleared(session, period)
        ],
    }
    _write_down(session, period, closing.closing, JournalKind.PERIOD_CLOSED, doc, at)
    record(session, period, "closed", by=by, at=at, closing=closing.closing, sha256=digest)
    return closing


def request_reopening(
    session: Session, org_id: int, last_day: date, *, reason: str, by: object, at: datetime
) -> PeriodReopening:
    """Ask to reopen the latest closed period; nothing changes until another person approves.

    Raises PeriodNotFound, IllegalMove, PeriodOutOfOrder, ReasonMissing and ReopeningAsked.
    """
    reason = storable(reason).strip()
    if len(reason) < SHORTEST_REASON:
        raise ReasonMissing(field="reason")
    period = find_period(session, org_id, last_day)
    LIFECYCLE.after("reopen", PeriodState(period.state))
    _call(session, period, "reopen", by, why=reason, function=_ASK)
    record(session, period, "reopening_requested", by=by, at=at, reason=reason)
    return reopenings_of(session, org_id, last_day)[0]


def approve_reopening(
    session: Session, org_id: int, last_day: date, *, by: object, at: datetime
) -> Period:
    """Reopen a closed period for adjustments, as another person asked; what was sealed stays readable.

    It is closed anew by `close_period`, which seals what is known then beside what was known before.
    Raises PeriodNotFound, IllegalMove, PeriodOutOfOrder, ReopeningNotAsked, SamePerson and BookShut.
    """
    period = _move(session, org_id, last_day, "reopen", by)
    asked = reopenings_of(session, org_id, last_day)[0]
    doc = {"reason": asked.reason}
    _write_down(session, period, asked.closing, JournalKind.PERIOD_REOPENED, doc, at)
    record(session, period, "reopened", by=by, at=at, closing=asked.closing)
    return period


def adjustment(
    org_id: int, *, id: UUID, effective: date, lines: Sequence[Transfer], reason: str
) -> Journal:
    """A correction by the accountants: posted to its day while that is closed softly.

    Of a closed day it is posted on the first open one, and keeps the day that it was meant for. Debits
    and credits are whatever is to be corrected.
    """
    doc = {"reason": reason}
    return Journal(org_id, "adjustment", str(id), JournalKind.ADJUSTMENT, effective, lines, doc)


def uncleared(session: Session, period: Period) -> list[TrialLine]:
    """The clearing accounts that are not at zero after the period's last day, as known now."""
    numbers = {line.number for line in CLEARING}
    lines = trial_balance(session, period.org_id, as_of=period.last_day)
    return [line for line in lines if line.account.number in numbers and line.balance.minor != 0]


def _last_day_known(session: Session, org_id: int) -> date | None:
    query = select(func.max(Period.last_day)).where(Period.org_id == org_id)
    return session.execute(query).scalar_one()


_ASK = "SELECT ledger.ask_to_reopen(:org, :day, :by, :why)"
_MOVES = {
    "close_softly": "SELECT ledger.close_period_softly(:org, :day)",
    "open_again": "SELECT ledger.open_period_again(:org, :day)",
    "close": "SELECT ledger.close_period(:org, :day, :by)",
    "reopen": "SELECT ledger.reopen_period(:org, :day, :by)",
}
_REASONS: dict[str, type[Refusal]] = {
    "unknown": PeriodNotFound,
    "not_from_here": IllegalMove,
    "not_over": PeriodNotOver,
    "out_of_order": PeriodOutOfOrder,
    "asked_already": ReopeningAsked,
    "not_asked": ReopeningNotAsked,
    "same_person": SamePerson,
}


def _move(session: Session, org_id: int, last_day: date, event: str, by: object) -> Period:
    """Let the ledger change the state; it decides under its own locks, whatever was read before."""
    period = find_period(session, org_id, last_day)
    LIFECYCLE.after(event, PeriodState(period.state))
    _call(session, period, event, by, function=_MOVES[event])
    return find_period(session, org_id, last_day)


def _call(
    session: Session, period: Period, event: str, by: object, *, function: str, why: str = ""
) -> None:
    asked: dict[str, Any] = {
        "org": period.org_id,
        "day": period.last_day,
        "by": str(by),
        "why": why,
    }
    try:
        refused = session.execute(text(function), asked).scalar_one()
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) == _BOOK_DAMAGED:
            raise BookNotBalanced(org_id=period.org_id) from fault
        raise
    if refused is not None:
        raise _REASONS[refused](event=event, last_day=period.last_day)


def _write_down(
    session: Session,
    period: Period,
    closing: int,
    kind: JournalKind,
    doc: dict[str, Any],
    at: datetime,
) -> None:
    """A journal without lines, on the day that it happens: it is sealed as any other."""
    what = kind.name.removeprefix("PERIOD_").lower()
    days = {"first_day": period.first_day.isoformat(), "last_day": period.last_day.isoformat()}
    journal = Journal(
        org_id=period.org_id,
        source="period",
        key=f"{period.last_day}:{closing}:{what}",
        kind=kind,
        effective=business_date(at),
        lines=(),
        doc={**days, "closing": closing, **doc},
    )
    post_all(session, [journal])
