"""The one place that reads the machine's clock; everything else is given `at`."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

# Calendars (due dates, banking days, receipts' years) follow Tashkent; data is stored in UTC.
TASHKENT = ZoneInfo("Asia/Tashkent")


def now() -> datetime:
    """The present instant, in UTC. Call it at the edge only: endpoint, job or command."""
    return datetime.now(UTC)


def business_date(at: datetime) -> date:
    """The calendar day in Tashkent on which `at` falls."""
    return at.astimezone(TASHKENT).date()
