"""A hundred thousand random operations in large calls: the database is left as the model is."""

import os
from random import Random

from ledger.books import prove
from ledger.journals import Outcome
from tests.ledger.twin import Scribe, Twin, teach_kinds

# MIZON_DRILL=10 makes it a million.
OPERATIONS = 100_000 * int(os.environ.get("MIZON_DRILL", "1"))
# Accounts are opened when they are named, and random amounts come nowhere near the bound:
# tests/ledger/test_hard_cases.py asks for these.
NOT_HERE = {Outcome.ACCOUNT_UNKNOWN, Outcome.BALANCE_OVERFLOW}


def test_large_random_batches_leave_what_the_model_says(empty, empty_url):
    teach_kinds(empty_url)
    twin, chance = Twin(empty, empty_url, 1), Random(20261120)
    scribe, asked, outcomes = Scribe(twin, chance), 0, set()
    while asked < OPERATIONS:
        for _ in range(3):
            scribe.meanwhile()
        journals = scribe.batch(chance.randrange(1500, 3200))
        asked += sum(len(journal.lines) for journal in journals)
        outcomes |= {answer.outcome for answer in twin.post(journals)}
    twin.compare()
    twin.close(None, None)

    assert outcomes == set(Outcome) - NOT_HERE
    with empty.transaction() as session:
        assert [check for check in prove(session) if not check.holds] == []
