"""A client to be killed: posts journal after journal, and says what it asked and what was acknowledged."""

import sys
import time
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from foundation.database import Database
from ledger.chart import JournalKind
from ledger.journals import Journal, Posting, Transfer, capture, hold
from ledger.money import Money
from ledger.posting import post
from tests.ledger.desk import CLEARING, DAY, INCOME

MOST_AT_ONCE = 30


def call_at(client: int, number: int) -> list[Journal]:
    """The journals of the call that begins at a number: always the same, so they can be asked again."""
    count = 1 if number % 2 else 1 + number * 7919 % MOST_AT_ONCE
    return [journal_at(client, one) for one in range(number, number + count)]


def journal_at(client: int, number: int) -> Journal:
    """Of six numbers one holds, the next captures that, and the others move as many tiyin as they say."""
    amount = Money(number + 1, "UZS")
    line = Transfer(CLEARING, INCOME, amount)
    if number % 6 == 2:
        line = hold(
            UUID(int=(client << 64) + number), CLEARING, INCOME, Money(2 * number + 9, "UZS")
        )
    elif number % 6 == 3:
        line = capture(UUID(int=(client << 64) + number - 1), CLEARING, INCOME, amount, final=True)
    return Journal(1, f"client {client}", str(number), JournalKind.PAYMENT_CONFIRMED, DAY, (line,))


def post_until_told(database: Database, journals: list[Journal]) -> list[Posting]:
    """Ask until there is an answer: the same keys, whatever became of the last try."""
    while True:
        try:
            with database.transaction() as session:
                return post(session, journals)
        except DBAPIError:  # the server died, or is not back yet
            time.sleep(0.02)


def main(url: str, client: int, number: int) -> None:
    database = Database(url, pool_size=1)
    while True:
        journals = call_at(client, number)
        sys.stdout.write(f"asked {number}\n")
        for posting in post_until_told(database, journals):
            sys.stdout.write(f"told {number} {posting.outcome} {posting.first_id or 0}\n")
            number += 1
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
