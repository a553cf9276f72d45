"""Leaves: the database's bytes, the verifier's bytes and the words of a proof are the same."""

import json
from hashlib import sha256
from uuid import uuid4

import pytest
from sqlalchemy import text

from foundation.database import Database
from ledger.evidence.proofs import LEAF, leaf_record
from ledger.journals import Outcome, hold
from ledger.money import UZS
from ledger.verify import encode_leaf, read_leaf
from tests.ledger.desk import CLEARING, CREDIT
from tests.superuser import rows

EPOCH_MICROSECONDS = "(extract(epoch FROM {}) * 1000000)::bigint"
TRANSFERS = f"""
SELECT journal, id, debit_account, credit_account, amount_minor, currency, kind,
       effective - '1970-01-01', {EPOCH_MICROSECONDS.format("posted_at")}, debit_seq, credit_seq,
       debit_balance, credit_balance, hold, reverses FROM ledger.transfer ORDER BY id
"""
HOLD_LINES = f"""
SELECT journal, leg, hold, what, debit_account, credit_account, amount_minor,
       {EPOCH_MICROSECONDS.format("expires_at")} FROM ledger.hold_line ORDER BY journal, leg
"""
JOURNALS = "SELECT org_id, journal, request_hash, outcome, commitment FROM ledger.journal"


@pytest.fixture
def every_shape(archive):
    archive.every_shape()
    return archive


def sql_leaves(database: Database) -> dict:
    with database.transaction() as session:
        return dict(session.execute(text("SELECT journal, bytes FROM ledger.leaf")).all())


def without_null(row) -> list:
    """A row as it is packed: ids as their bytes, zeros in place of nothing."""
    return [each.bytes if hasattr(each, "bytes") else each or 0 for each in row]


def test_the_bytes_that_the_database_hashes_are_those_of_the_verifier(every_shape, empty_url):
    expected = {}
    for org_id, journal, request_hash, outcome, commitment in rows(empty_url, JOURNALS):
        moves = [without_null(row[1:]) for row in rows(empty_url, TRANSFERS) if row[0] == journal]
        lines = [without_null(row[1:]) for row in rows(empty_url, HOLD_LINES) if row[0] == journal]
        for move in moves:
            move[12] = move[12] or bytes(16)
        head = (org_id, journal.bytes, request_hash, outcome, commitment or bytes(32))
        expected[journal] = encode_leaf(head, moves, lines)
    assert sql_leaves(every_shape.database) == expected


@pytest.mark.parametrize("documents", [True, False])
def test_the_words_of_a_proof_have_the_bytes_that_were_hashed(every_shape, documents):
    with every_shape.database.transaction() as session:
        shown = [leaf_record(row, documents=documents) for row in session.execute(text(LEAF))]
    told = {each["journal"]: read_leaf(json.loads(json.dumps(each))) for each in shown}
    leaves = sql_leaves(every_shape.database)
    assert told == {str(journal): leaf for journal, leaf in leaves.items()}
    docs = [each["doc"] for each in shown if each["doc"]]
    assert all(("text" in doc) is documents for doc in docs)
    assert len(docs) == len(shown) - 3  # those without a document


def test_every_shape_is_among_them(every_shape, empty_url):
    """So that the two tests above cannot come to compare nothing."""
    outcomes = dict(rows(empty_url, "SELECT outcome, count(*) FROM ledger.journal GROUP BY 1"))
    assert outcomes == {Outcome.POSTED: 41, Outcome.INSUFFICIENT: 2, Outcome.EMPTY: 1}
    count = "SELECT count(*) FROM ledger."
    assert rows(empty_url, f"{count}transfer WHERE hold IS NOT NULL") == [(2,)]
    assert rows(empty_url, f"{count}transfer WHERE reverses IS NOT NULL") == [(1,)]
    assert rows(empty_url, f"{count}hold_line WHERE what = 1") == [(2,)]
    assert rows(empty_url, f"{count}hold_line WHERE what = 2") == [(3,)]
    assert rows(empty_url, f"{count}hold_line WHERE expires_at IS NOT NULL") == [(1,)]
    assert rows(empty_url, f"{count}journal WHERE transfers = 0 AND outcome = 1") == [(4,)]


def test_a_leaf_says_what_a_hold_was_placed_for_to_the_microsecond(archive, empty_url):
    archive.desk.credited("5")
    archive.desk.does(hold(uuid4(), CREDIT, CLEARING, UZS("1"), expires_at=None))
    ((leaf,),) = rows(
        empty_url, "SELECT bytes FROM ledger.leaf l JOIN ledger.hold_line h USING (org_id, journal)"
    )
    assert len(leaf) == 91 + 51
    assert leaf.endswith(bytes(8))


def test_the_instants_of_a_leaf_are_exact_to_the_ends_of_the_calendar(empty_url):
    for year in (1970, 1999, 2000, 2026, 9999, 200_000):
        for micro in ("000000", "000001", "999999"):
            at = f"make_timestamptz({year}, 12, 31, 23, 59, 59.{micro})"
            exact = EPOCH_MICROSECONDS.format(at)
            ((ours, theirs),) = rows(empty_url, f"SELECT ledger.unix_microseconds({at}), {exact}")
            assert ours == theirs


def test_a_leaf_without_a_document_and_one_with_an_erased_one_differ(archive, empty_url):
    with_doc, without = archive.desk.journal(), archive.desk.journal(doc=None)
    archive.desk.post(with_doc, without)
    leaves = sql_leaves(archive.database)
    assert leaves[without.id][55:87] == bytes(32)
    ((salt, doc),) = rows(
        empty_url,
        "SELECT uuid_send(salt), doc::text FROM ledger.journal_doc WHERE journal = :key",
        key=with_doc.id,
    )
    assert leaves[with_doc.id][55:87] == sha256(salt + doc.encode()).digest()
