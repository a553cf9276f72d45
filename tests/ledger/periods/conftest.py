"""One book with periods for every test here."""

import pytest

from foundation.database import Database
from tests.ledger.desk import Desk
from tests.ledger.periods.keeper import Keeper


@pytest.fixture
def keeper(empty: Database) -> Keeper:
    return Keeper(Desk(empty).open()).months()
