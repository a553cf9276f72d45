"""One running town for all journeys of a test process: real processes, real HTTP, a real PostgreSQL."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from foundation.clock import now
from foundation.ids import new_id
from ledger.money import Money
from payments.bills import Bill, issue_bill
from payments.checkout import Till
from service.demo.town_hall import TownHall, open_town
from service.wiring import till
from tests.given import AGENCY, CLERK
from tests.journeys.books import differences
from tests.journeys.people import Citizen, Officer

NewBill = Callable[..., Bill]


@pytest.fixture(scope="session")
def town() -> Iterator[TownHall]:
    """The demo's own town, kept up as `mizon demo` keeps it."""
    with (
        tempfile.TemporaryDirectory(prefix="mizon-journeys-", ignore_cleanup_errors=True) as home,
        open_town(Path(home), port=0, bills=80) as hall,
    ):
        yield hall


@pytest.fixture(scope="session")
def desk(town: TownHall) -> Iterator[Till]:
    """The town's database and providers, for what a job would do at its time."""
    opened = till(town.settings, name="mizon journeys", pool_size=2)
    yield opened
    opened.database.close()


@pytest.fixture
def new_bill(desk: Till) -> Iterator[NewBill]:
    """Issue a bill of one's own, so that journeys do not meet; afterwards the books are proved."""

    def issue(minor: int = 0, *, org_id: int = AGENCY, at: datetime | None = None) -> Bill:
        with desk.database.transaction() as session:
            return issue_bill(
                session,
                org_id,
                id=new_id(),
                service_code="0001",
                payer_name="Aziza Karimova",
                by=CLERK,
                at=at or now(),
                amount=Money(minor, "UZS") if minor else None,
            )

    yield issue
    assert differences(desk.database) == []


@pytest.fixture
def citizen(town: TownHall) -> Iterator[Citizen]:
    with closing(Citizen(town.settings.base_url)) as visitor:
        yield visitor


@pytest.fixture
def officer(town: TownHall) -> Iterator[Officer]:
    """The finance officer, signed in."""
    with closing(Officer(town, "finance")) as person:
        person.sign_in()
        yield person


@pytest.fixture
def clerk(town: TownHall) -> Iterator[Officer]:
    """The agencies' clerk, signed in."""
    with closing(Officer(town, "clerk")) as person:
        person.sign_in()
        yield person
