"""Signed heads: two workers, other keys, no growth; then what is published."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from ledger.evidence.heads import (
    HeadNotFound,
    head_of_size,
    latest_head,
    national_leaves,
    publish_heads,
    signing_keys,
)
from ledger.evidence.records import NATIONAL, TreeHead
from ledger.verify import BOOK_BYTES, leaf_hash
from tests.ledger.evidence.archive import signer
from tests.ledger.evidence.reference import mth
from tests.ledger.evidence.town import DIFFERS, HOLDS, KEY, SIGNER


def heads(archive, log: int) -> list[TreeHead]:
    with archive.database.transaction() as session:
        query = select(TreeHead).where(TreeHead.org_id == log).order_by(TreeHead.size)
        return list(session.scalars(query))


def test_no_head_is_signed_of_what_nobody_has_posted_to(archive):
    assert archive.publish() == 0
    assert heads(archive, NATIONAL) == []


def test_a_head_is_signed_once_of_each_size(archive):
    archive.pay(2)
    archive.settle()
    assert [archive.publish() for _ in range(3)] == [0, 0, 0]
    assert [(head.size, head.national_leaf) for head in heads(archive, 1)] == [(2, 0)]


def test_a_busy_book_is_not_signed_more_often_than_agreed(archive):
    archive.pay()
    archive.settle()
    archive.pay()
    archive.seal()

    assert archive.publish(every_seconds=60) == 0
    assert archive.publish(every_seconds=0) == 1


def test_where_many_books_are_busy_those_that_waited_longest_come_first(archive):
    archive.pay()
    archive.settle()
    archive.pay()
    archive.pay(org_id=2)
    archive.seal()
    with archive.database.transaction() as session:
        assert publish_heads(session, [SIGNER], every_seconds=0, most=1) == 1
    assert [head.size for head in heads(archive, 2)] == [1]
    assert [head.size for head in heads(archive, 1)] == [1]


def test_two_workers_sign_one_after_the_other(archive):
    archive.pay(2)
    archive.seal()
    with archive.database.transaction() as first:
        assert publish_heads(first, [SIGNER], every_seconds=0) == 1
        assert archive.publish() == 0

    archive.pay(2)
    archive.seal()
    with ThreadPoolExecutor(4) as pool:
        signed = sum(pool.map(lambda _: archive.publish(), range(8)))
    assert signed == 1
    assert [head.size for head in heads(archive, NATIONAL)] == [1, 2]


def test_sealing_goes_on_while_heads_are_signed(archive):
    archive.pay(2)
    archive.seal()
    archive.pay(3)
    with archive.database.transaction() as session:
        assert publish_heads(session, [SIGNER], every_seconds=0) == 1
        assert archive.seal() == 3
    assert [head.size for head in heads(archive, 1)] == [2]
    archive.settle()
    assert archive.judge(archive.pair(1, 2, 5)) == HOLDS
    assert archive.broken() == {}


def test_the_national_tree_is_that_of_the_heads_of_books(archive):
    for times in (1, 2, 3):
        archive.pay(times)
        archive.pay(2, org_id=2)
        archive.settle()
    with archive.database.transaction() as session:
        leaves = national_leaves(session, 0, 100)
        assert [leaf.national_leaf for leaf in national_leaves(session, 2, 2)] == [2, 3]
    assert [(leaf.org_id, leaf.size) for leaf in leaves] == [
        (1, 1),
        (2, 2),
        (1, 3),
        (2, 4),
        (1, 6),
        (2, 6),
    ]
    entries = [BOOK_BYTES.pack(2, leaf.org_id, leaf.size, leaf.root) for leaf in leaves]
    assert [head.root for head in heads(archive, NATIONAL)] == [
        mth(entries[:size]) for size in (2, 4, 6)
    ]
    assert archive.judge(archive.pair(NATIONAL, 2, 6)) == HOLDS


def test_a_head_says_what_it_is_of_and_stands_by_itself(archive):
    archive.pay(3)
    archive.settle()
    with archive.database.transaction() as session:
        book, national = latest_head(session, 1), latest_head(session, NATIONAL)
        assert head_of_size(session, 1, 3) == book
        with pytest.raises(HeadNotFound):
            head_of_size(session, 1, 2)
    assert book.note.startswith("ledger.example/book/1\n3\n")
    assert national.note.startswith("ledger.example/national\n1\n")
    assert [archive.judge(head.note) for head in (book, national)] == [HOLDS, HOLDS]
    assert archive.judge(book.note, signer().public_text) == DIFFERS


def test_while_one_key_replaces_the_other_both_sign_and_either_verifies(archive):
    old, new = SIGNER, signer()
    (first,) = archive.pay()
    archive.seal()
    archive.publish(old)
    for signers in ([old, new], [new]):
        archive.pay()
        archive.seal()
        archive.publish(*signers)
    receipt = archive.receipt(first)

    assert archive.judge(archive.pair(1, 1, 2), old.public_text) == HOLDS
    assert archive.judge(archive.pair(1, 2, 3), new.public_text) == HOLDS
    assert archive.judge(archive.pair(1, 1, 3), new.public_text) == DIFFERS
    assert archive.judge(archive.pair(1, 1, 3), old.public_text, new.public_text) == HOLDS
    assert archive.judge(receipt, new.public_text) == HOLDS
    assert archive.judge(receipt, old.public_text) == DIFFERS
    with archive.database.transaction() as session:
        assert [key.key for key in signing_keys(session)] == [new.public_text, old.public_text]
    assert archive.broken() == {}


def test_a_key_stays_listed_from_when_it_was_first_used(archive):
    archive.pay()
    archive.settle()
    with archive.database.transaction() as session:
        (before,) = signing_keys(session)
    archive.pay()
    archive.settle()
    with archive.database.transaction() as session:
        (after,) = signing_keys(session)
    assert (before.key, before.used_from) == (KEY, after.used_from)


PUBLISH = """
SELECT ledger.publish_heads('{{k}}', {}, 'ledger.example/national', '{{0}}', '{{{}}}', ARRAY[{}])
"""
LEAF = f"'\\x{leaf_hash(b'').hex()}'::bytea"
REFUSED = [
    "ARRAY[1], ARRAY[4], ARRAY[sha256('')], ARRAY['n'], 1, sha256('')",  # larger than the tree
    "ARRAY[1], ARRAY[2], ARRAY[sha256('')], ARRAY['n'], 1, sha256('')",  # signed before
    "ARRAY[1], ARRAY[1], ARRAY[sha256('')], ARRAY['n'], 1, sha256('')",  # smaller than the last
    "ARRAY[0], ARRAY[9], ARRAY[sha256('')], ARRAY['n'], 1, sha256('')",  # the national one by itself
    "ARRAY[7], ARRAY[1], ARRAY[sha256('')], ARRAY['n'], 1, sha256('')",  # of no book
    "ARRAY[1], ARRAY[3], ARRAY[sha256('')], ARRAY['n'], 0, sha256('')",  # a leaf that is taken
    "ARRAY[1], ARRAY[3], ARRAY[sha256('')], ARRAY['n'], 2, sha256('')",  # a gap
]


@pytest.mark.parametrize("asked", REFUSED)
def test_the_database_keeps_no_head_that_does_not_grow(archive, asked):
    archive.pay(2)
    archive.settle()
    archive.pay()
    archive.seal()
    old_size = asked.split(", ")[-2]
    with pytest.raises(DBAPIError), archive.database.transaction() as session:
        session.execute(text(PUBLISH.format(asked, old_size, LEAF)))
    assert archive.publish() == 1
    assert archive.broken() == {}
