import pytest

from foundation.database import Database
from ledger.accounts import open_book
from tests.ledger.reports.world import build


@pytest.fixture
def books(empty: Database) -> Database:
    with empty.transaction() as session:
        open_book(session, 1)
        open_book(session, 2)
    return empty


@pytest.fixture
def full(books: Database) -> Database:
    """The book of organisation 1 with two months in it."""
    build(books)
    return books
