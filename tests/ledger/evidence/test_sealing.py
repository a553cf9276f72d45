"""Sealing on bad days: late commits, two sealers, a crash on the way, a book that was damaged."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from ledger.evidence.records import SealedBatch, TreeRow
from ledger.evidence.sealing import JournalsMissing, seal, seal_books
from ledger.evidence.tree import TileTooShort
from ledger.journals import Transfer
from ledger.money import UZS
from ledger.posting import post
from ledger.transfers import Unsealed
from tests.ledger.desk import CLEARING, CREDIT, INCOME
from tests.superuser import as_superuser, rows

MOVE = Transfer(CLEARING, INCOME, UZS("1"))


def sizes(archive) -> dict[int, int]:
    """The journals in each tree."""
    with archive.database.transaction() as session:
        return {tree.org_id: tree.size for tree in session.scalars(select(TreeRow)) if tree.org_id}


def waiting(archive) -> int:
    with archive.database.transaction() as session:
        return len(session.scalars(select(Unsealed)).all())


def test_a_call_that_commits_late_is_sealed_when_it_comes(archive):
    """It drew its number first, and commits after others were sealed: `id > last` would pass it over."""
    with archive.database.transaction() as session:
        (early,) = post(session, [archive.desk.journal(Transfer(CLEARING, CREDIT, UZS("5")))])
        later = archive.pay(3, org_id=2)
        assert archive.seal() == 3
    assert archive.seal() == 1
    archive.publish()

    assert [archive.judge(archive.receipt(each, org_id=2)) for each in later] == [0, 0, 0]
    assert archive.judge(archive.receipt(early.journal)) == 0
    assert archive.judge(archive.dump()) == 0
    assert archive.broken() == {}


def test_a_late_commit_in_the_same_book_is_sealed_too(archive):
    """Calls on other accounts of one book do not wait for each other."""
    archive.pay(1)
    with archive.database.transaction() as session:
        memo = archive.desk.journal(kind=8, doc={"memo": 1})
        (early,) = post(session, [memo])
        archive.pay(3)
        assert archive.seal() == 4
    assert archive.seal() == 1
    archive.publish()

    assert archive.receipt(early.journal)["index"] == 4
    assert archive.judge(archive.dump()) == 0
    assert archive.broken() == {}


def test_a_crash_before_the_end_leaves_everything_as_it_was(archive):
    archive.pay(2)
    before = sizes(archive)
    with archive.database.transaction() as session:
        assert seal(session, 1) == 2
        session.connection().exec_driver_sql("ROLLBACK")  # as the server does with who is gone

    assert (sizes(archive), waiting(archive)) == (before, 2)
    assert archive.broken() == {}
    assert archive.seal() == 2
    assert archive.broken() == {}


def test_a_second_sealer_takes_no_book_that_the_first_one_has(archive):
    archive.pay(2)
    archive.pay(1, org_id=2)
    with archive.database.transaction() as first:
        assert seal(first, 1) == 2
        with archive.database.transaction() as second:
            assert seal(second, 1) == 0
            assert seal(second, 2) == 1
    assert sizes(archive) == {1: 2, 2: 1}


def test_many_sealers_and_writers_at_once_seal_everything_once(archive):
    stop = threading.Event()
    archive.pay(1)
    archive.pay(1, org_id=2)

    def keep_sealing() -> int:
        sealed = 0
        while not stop.is_set():
            sealed += seal_books(archive.database, most=7)
        return sealed

    with ThreadPoolExecutor(5) as pool:
        sealers = [pool.submit(keep_sealing) for _ in range(2)]
        writers = [pool.submit(archive.pay, 40, org_id) for org_id in (1, 1, 2)]
        for writer in writers:
            writer.result()
        stop.set()
        sealed = sum(sealer.result() for sealer in sealers)
    assert sealed + archive.seal() == 122
    archive.publish()

    assert sizes(archive) == {1: 81, 2: 41}
    assert archive.broken() == {}
    # The verifier re-adds every account: their sequences ascend in the order of the leaves.
    assert [archive.judge(archive.dump(org_id)) for org_id in (1, 2)] == [0, 0]


def test_a_round_is_bounded_and_the_next_one_goes_on(archive):
    archive.pay(5)
    archive.desk.post(*(archive.desk.journal(MOVE) for _ in range(10)))
    rounds = list(iter(lambda: seal_books(archive.database, most=4), 0))

    assert rounds == [4, 11]  # a call of the writer is sealed whole
    archive.publish()
    assert archive.judge(archive.dump()) == 0


def test_more_leaves_than_tiles_have_room_for(archive):
    for size in (250, 10, 300, 1):
        archive.desk.post(*(archive.desk.journal(MOVE, doc=None) for _ in range(size)))
        archive.settle()
    (last,) = archive.pay()
    archive.settle()

    assert archive.judge(archive.receipt(last)) == 0
    assert archive.judge(archive.pair(1, 250, 561)) == 0
    assert archive.judge(archive.pair(1, 260, 562)) == 0
    assert archive.judge(archive.dump()) == 0
    assert archive.broken() == {}


def test_a_replayed_journal_is_not_sealed_again(archive):
    journal = archive.desk.journal(MOVE)
    archive.desk.post(journal)
    archive.settle()
    archive.desk.post(journal, journal)

    assert (archive.seal(), archive.publish()) == (0, 0)
    assert sizes(archive) == {1: 1, 2: 0}


def test_sealing_folds_the_days_of_what_it_seals(archive, empty_url):
    archive.pay(3)
    archive.seal()
    folded = "SELECT sum(entries), sum(debits_minor), sum(credits_minor) FROM ledger.day_total"
    assert rows(empty_url, folded) == [(6, 6_00, 6_00)]
    assert archive.broken() == {}


def test_a_damaged_book_keeps_no_other_waiting(archive, empty_url):
    archive.pay(2)
    archive.pay(2, org_id=2)
    as_superuser(
        empty_url,
        "ALTER TABLE ledger.journal DISABLE TRIGGER USER",
        "DELETE FROM ledger.journal WHERE org_id = 1"
        " AND batch = (SELECT min(batch) FROM ledger.journal WHERE org_id = 1)",
    )
    with pytest.raises(JournalsMissing, match="book 1: 2 wait, 1 are there"):
        seal_books(archive.database)

    assert sizes(archive) == {1: 0, 2: 2}
    assert "journals" in archive.broken()


def test_a_book_whose_tiles_were_lost_is_not_sealed_on(archive, empty_url):
    archive.pay(2)
    archive.seal()
    as_superuser(
        empty_url, "ALTER TABLE ledger.tile DISABLE TRIGGER USER", "DELETE FROM ledger.tile"
    )
    archive.pay(1)
    with pytest.raises(TileTooShort):
        seal_books(archive.database)
    assert sizes(archive) == {1: 2, 2: 0}


SEAL = "SELECT ledger.seal({})"
REFUSED = [
    # book, calls, old size, new size, root, levels, firsts, pieces
    "1, ARRAY[{next}], 1, 2, sha256(''), '{{0}}', '{{1}}', ARRAY[sha256('')]",  # old size is another
    "1, ARRAY[{next}], 2, 2, sha256(''), '{{}}', '{{}}', '{{}}'",  # grows by nothing
    "1, ARRAY[{next}], 2, 1, sha256(''), '{{}}', '{{}}', '{{}}'",  # shrinks
    "1, ARRAY[{next}], 2, 3, sha256(''), '{{}}', '{{}}', '{{}}'",  # without hashes
    "1, ARRAY[{next}], 2, 3, sha256(''), '{{0}}', '{{1}}', ARRAY[sha256('')]",  # rewrites one
    "1, ARRAY[{next}], 2, 3, sha256(''), '{{0}}', '{{3}}', ARRAY[sha256('')]",  # leaves a gap
    "1, ARRAY[{next}], 2, 3, sha256(''), '{{0,1}}', '{{2,0}}', ARRAY[sha256(''), sha256('')]",
    "1, ARRAY[{next}], 2, 4, sha256(''), '{{0}}', '{{2}}', ARRAY[sha256('') || sha256('')]",  # more
    "1, ARRAY[{next}], 2, 3, '', '{{0}}', '{{2}}', ARRAY[sha256('')]",  # no root
    "1, ARRAY[{sealed}], 2, 3, sha256(''), '{{0}}', '{{2}}', ARRAY[sha256('')]",  # sealed before
    "1, ARRAY[{next}, {next}], 2, 4, sha256(''), '{{0}}', '{{2}}', ARRAY[sha256('') || sha256('')]",
    "2, ARRAY[{next}], 0, 1, sha256(''), '{{0}}', '{{0}}', ARRAY[sha256('')]",  # of another book
    "0, ARRAY[{next}], 0, 1, sha256(''), '{{0}}', '{{0}}', ARRAY[sha256('')]",
]


@pytest.mark.parametrize("asked", REFUSED)
def test_the_database_lets_no_tree_shrink_and_seals_nothing_twice(archive, asked):
    archive.pay(2)
    archive.pay(1, org_id=2)
    archive.seal()
    archive.pay(1)
    with archive.database.transaction() as session:
        sealed = session.scalars(select(SealedBatch.batch).order_by(SealedBatch.batch)).first()
        waits = session.scalars(select(Unsealed.batch)).one()
    with pytest.raises(DBAPIError), archive.database.transaction() as session:
        session.execute(text(SEAL.format(asked.format(next=waits, sealed=sealed))))
    assert archive.seal() == 1
    assert archive.broken() == {}
