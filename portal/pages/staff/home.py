"""The first staff page: what needs a person, before any figure."""

from dataclasses import dataclass
from datetime import datetime

from portal.pages.staff.frame import Staff
from portal.pages.staff.reconciliation import Flow


@dataclass(frozen=True)
class Need:
    """Some work that waits for a person; `kind` is a sentence of the template, `url` where it is."""

    kind: str
    count: int
    url: str


@dataclass(frozen=True)
class HomePage:
    """`staff/home.html`; needs with a count of 0 are left out by who builds the page."""

    staff: Staff
    needs: tuple[Need, ...]
    flow: Flow
    as_of: datetime
    last_statement_at: datetime | None = None
    books_hold: bool | None = None
