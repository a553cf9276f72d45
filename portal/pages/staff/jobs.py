"""The scheduled work: what ran last, how it ended, when it runs next."""

from dataclasses import dataclass
from datetime import datetime

from portal.pages.staff.frame import Staff


@dataclass(frozen=True)
class JobRow:
    """A job; `name` is a word of WORDS["job"], `outcome` of WORDS["outcome"]."""

    name: str
    next_due: datetime
    slot: datetime | None = None
    outcome: str = "never"
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True)
class JobsPage:
    """`staff/jobs.html`."""

    staff: Staff
    as_of: datetime
    rows: tuple[JobRow, ...]
