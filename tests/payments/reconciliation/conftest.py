"""The desk at which bank and provider meet."""

import pytest

from foundation.database import Database
from tests.given import Given
from tests.payments.reconciliation.desk import Desk


@pytest.fixture
def desk(db: Database, given: Given) -> Desk:
    return Desk(db, given)
