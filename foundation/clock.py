"""The one place that reads the machine's clock; everything else is given `at`."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

# Calendars (due dates, banking days, receipts' years) follow Tashkent; data is stored in UTC.
TASHKENT = ZoneInfo("Asia/Tashkent")


def now() -> datetime:
    """The present instant, in UTC. Call it at the edge only: endpoint, job or command."""
    return datetime.now(UTC)


def database_now(session: Session) -> datetime:
    """The database's clock at this statement.

    A deadline is decided by this under the row lock; SQL's `now()` is the transaction's start.
    """
    at: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return at


def business_date(at: datetime) -> date:
    """The calendar day in Tashkent on which `at` falls."""
    return at.astimezone(TASHKENT).date()
