"""A superuser rewrites history, more and more carefully; each time something names it."""

import base64

import pytest
from sqlalchemy import NullPool, create_engine, text

from ledger.books import prove
from ledger.evidence.records import TreeHead, tiles_of
from ledger.evidence.tree import append, root
from ledger.journals import Transfer
from ledger.money import UZS
from ledger.verify import leaf_hash, read_head, read_keys
from tests.ledger.desk import CLEARING, INCOME
from tests.ledger.evidence.town import KEY
from tests.superuser import as_superuser, rows

AMOUNT = """
-- A payment of 3 becomes one of 4, and all that follows from it: nothing in the books contradicts it.
UPDATE ledger.transfer SET amount_minor = amount_minor + 100 WHERE amount_minor = 300;
UPDATE ledger.transfer SET debit_balance = debit_balance + 100, credit_balance = credit_balance + 100
 WHERE debit_seq >= 3;
UPDATE ledger.account SET posted = posted + 100 WHERE org_id = 1 AND posted > 0;
UPDATE ledger.day_total SET debits_minor = debits_minor + CASE WHEN debits_minor > 0 THEN 100 ELSE 0 END,
       credits_minor = credits_minor + CASE WHEN credits_minor > 0 THEN 100 ELSE 0 END;
"""
TABLES = ("transfer", "journal", "journal_doc", "landmark", "sealed_batch", "tile", "tree_head")


def tamper(url: str, *statements: str) -> None:
    walls = [f"ALTER TABLE ledger.{table} DISABLE TRIGGER USER" for table in TABLES]
    as_superuser(url, *walls, *(part for each in statements for part in each.split(";\n") if part))


def journal_of(url: str, amount_minor: int) -> str:
    query = "SELECT journal FROM ledger.transfer WHERE amount_minor = :amount"
    return str(rows(url, query, amount=amount_minor)[0][0])


@pytest.fixture
def signed(archive):
    """Five payments of 1, 2, 3, 4 and 5, sealed and signed after the second and after the last."""
    for times in ((1, 2), (3, 4, 5)):
        for amount in times:
            _pay(archive, amount)
        archive.settle()
    return archive


def _pay(archive, amount: int) -> None:
    archive.desk.does(Transfer(CLEARING, INCOME, UZS(str(amount))))


def rewrite_tiles(url: str, *, heads: bool) -> None:
    """Hash all of book 1 again from what its rows say now; the heads too, but for their signatures."""
    with create_engine(url, poolclass=NullPool).begin() as connection:
        leaves = connection.execute(
            text(
                "SELECT bytes FROM ledger.leaf l JOIN ledger.sealed_batch s USING (org_id, batch)"
                " WHERE org_id = 1 ORDER BY first_leaf + place"
            )
        ).scalars()
        hashes = [leaf_hash(leaf) for leaf in leaves]
        grown = append(lambda *_: b"", 0, hashes)
        connection.execute(text("DELETE FROM ledger.tile WHERE org_id = 1"))
        for piece in grown.pieces:
            connection.execute(
                text(
                    "INSERT INTO ledger.tile (org_id, level, first, hashes) VALUES (1, :l, :f, :h)"
                ),
                {"l": piece.level, "f": piece.first, "h": piece.hashes},
            )
        connection.execute(
            text("UPDATE ledger.tree SET root = :root WHERE org_id = 1"), {"root": grown.root}
        )
        for size in (2, 5) if heads else ():
            new = append(lambda *_: b"", 0, hashes[:size]).root
            connection.execute(
                text(
                    "UPDATE ledger.tree_head SET root = :root,"
                    " note = replace(note, encode(root, 'base64'), :told)"
                    " WHERE org_id = 1 AND size = :size"
                ),
                {"root": new, "told": base64.b64encode(new).decode(), "size": size},
            )


def test_a_balanced_rewrite_is_named_by_its_journal(signed, empty_url):
    journal = journal_of(empty_url, 300)
    tamper(empty_url, AMOUNT)
    assert signed.broken() == {"leaves": {"org_id": 1, "leaf": 2, "journal": journal, "head": None}}


def test_a_rewrite_before_anything_was_signed_is_named_too(archive, empty_url):
    for amount in (1, 2, 3, 4):
        _pay(archive, amount)
    archive.seal()
    journal = journal_of(empty_url, 300)
    tamper(empty_url, AMOUNT)
    assert archive.broken()["leaves"]["journal"] == journal


def test_a_rewrite_with_its_tree_contradicts_what_was_signed(signed, empty_url):
    tamper(empty_url, AMOUNT)
    rewrite_tiles(empty_url, heads=False)
    assert signed.broken() == {"trees": {"org_id": 1, "head": 5, "after_leaf": 2}}


def test_a_rewrite_with_its_heads_has_no_signature(signed, empty_url):
    tamper(empty_url, AMOUNT)
    rewrite_tiles(empty_url, heads=True)
    found = signed.broken()
    assert found["trees"] == {
        "org_id": 1,
        "head": 5,
        "fault": "the signature of 'ledger.example' is wrong",
    }
    assert found["leaves"] == {"org_id": 0, "leaf": 1, "journal": None, "head": 5}


def test_whoever_kept_a_head_sees_what_the_database_cannot(signed, empty_url):
    """The heads since are dropped, and all of it is signed again: only strangers have the old head."""
    with signed.database.transaction() as session:
        kept = session.get_one(TreeHead, (1, 5)).note
    tamper(
        empty_url,
        AMOUNT,
        "DELETE FROM ledger.tree_head WHERE (org_id, size) IN ((1, 5), (0, 2))",
        "DELETE FROM ledger.tile WHERE org_id = 0 AND first = 1",
        "UPDATE ledger.tree SET size = 1, root = (SELECT root FROM ledger.tree_head WHERE org_id = 0)"
        " WHERE org_id = 0",
    )
    rewrite_tiles(empty_url, heads=False)
    assert signed.publish() == 1
    assert signed.broken() == {}

    with signed.database.transaction() as session:
        ours = session.get_one(TreeHead, (1, 5)).note
        path = {"path": []}
    pair = {"format": "mizon-consistency/1", "old": kept, "new": ours, **path}
    assert signed.judge(pair) == 1
    old = read_head(kept, read_keys([KEY]))
    with signed.database.transaction() as session:
        assert root(tiles_of(session, 1), 5) != old.root


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        ("DELETE FROM ledger.transfer WHERE amount_minor = 300", "leaves"),
        ("DELETE FROM ledger.journal WHERE batch = (SELECT max(batch) FROM ledger.journal)", "leaves"),
        ("UPDATE ledger.journal SET outcome = 9 WHERE place = 0", "leaves"),
        ("UPDATE ledger.journal SET request_hash = sha256('')", "leaves"),
        ("UPDATE ledger.journal SET commitment = sha256('')", "leaves"),
        ("UPDATE ledger.transfer SET posted_at = posted_at - interval '1 day'", "leaves"),
        ("UPDATE ledger.transfer SET effective = effective - 1", "leaves"),
        ("UPDATE ledger.transfer SET kind = 2", "leaves"),
        ("UPDATE ledger.transfer SET hold = gen_random_uuid() WHERE amount_minor = 100", "leaves"),
        ("UPDATE ledger.tile SET hashes = sha256(hashes) || sha256('') WHERE org_id = 1 AND first = 0",
         "leaves"),
        ("DELETE FROM ledger.tile WHERE first = 0 AND org_id = 1", "leaves"),
        ("DELETE FROM ledger.tile WHERE first = 2", "leaves"),
        ("DELETE FROM ledger.sealed_batch WHERE first_leaf = 1", "batches"),
        ("DELETE FROM ledger.sealed_batch WHERE first_leaf = 1", "sealed-calls"),
        ("UPDATE ledger.sealed_batch SET first_leaf = 1 - first_leaf WHERE first_leaf < 2", "leaves"),
        ("UPDATE ledger.sealed_batch SET journals = 2 WHERE first_leaf = 4", "sealed-calls"),
        ("INSERT INTO ledger.unsealed SELECT batch, org_id, '{}' FROM ledger.sealed_batch", "batches"),
        ("INSERT INTO ledger.unsealed SELECT batch, org_id, ARRAY[journal] FROM ledger.journal",
         "batches"),
        ("INSERT INTO ledger.unsealed SELECT batch, org_id, ARRAY[gen_random_uuid()] FROM ledger.journal",
         "batches"),
        ("UPDATE ledger.tree SET root = sha256('x') WHERE org_id = 1", "trees"),
        ("UPDATE ledger.tree SET size = 4 WHERE org_id = 1", "sealed-calls"),
        ("DELETE FROM ledger.tree WHERE org_id = 1", "trees"),
        ("DELETE FROM ledger.tree WHERE org_id = 0", "trees"),
        ("UPDATE ledger.tree_head SET root = sha256('x') WHERE org_id = 1", "trees"),
        ("UPDATE ledger.tree_head SET root = sha256('x') WHERE org_id = 0", "trees"),
        ("UPDATE ledger.tree_head SET national_leaf = 7 WHERE national_leaf = 1", "leaves"),
        ("DELETE FROM ledger.tree_head WHERE org_id = 1 AND size = 2", "leaves"),
        ("DELETE FROM ledger.signing_key", "trees"),
    ],
)  # fmt: skip
def test_whatever_is_damaged_is_found_by_its_rule(signed, empty_url, damage, rule):
    assert signed.broken() == {}
    if "signing_key" in damage:
        as_superuser(empty_url, "ALTER TABLE ledger.signing_key DISABLE TRIGGER USER", damage)
    else:
        tamper(empty_url, damage)
    assert rule in signed.broken()


def test_an_inner_tile_that_was_changed_is_found(archive, empty_url):
    archive.desk.post(*(archive.desk.journal(doc=None, kind=8) for _ in range(600)))
    archive.settle()
    assert archive.broken() == {}
    tamper(empty_url, "UPDATE ledger.tile SET hashes = hashes || sha256('') WHERE level = 1")
    assert archive.broken() == {"trees": {"org_id": 1, "level": 1, "place": 2}}


def test_a_database_that_was_set_back_has_heads_larger_than_its_tree(signed, empty_url):
    """The books as they were yesterday, the heads as they are: a backup that was played in."""
    tamper(
        empty_url,
        "DELETE FROM ledger.journal WHERE batch IN (SELECT batch FROM ledger.sealed_batch"
        " WHERE first_leaf >= 2)",
        "DELETE FROM ledger.transfer WHERE amount_minor > 200",
        "DELETE FROM ledger.journal_doc d WHERE NOT EXISTS"
        " (SELECT FROM ledger.journal j WHERE j.journal = d.journal)",
        "DELETE FROM ledger.tile WHERE org_id = 1 AND first >= 2",
        "DELETE FROM ledger.sealed_batch WHERE first_leaf >= 2",
        "UPDATE ledger.tree SET size = 2, root = (SELECT root FROM ledger.tree_head h"
        " WHERE h.org_id = 1 AND h.size = 2) WHERE org_id = 1",
        "UPDATE ledger.account SET posted = 300, seq = 2, last_transfer = (SELECT max(id)"
        " FROM ledger.transfer) WHERE org_id = 1 AND posted > 0",
        "DELETE FROM ledger.day_total",
    )
    assert signed.broken()["trees"] == {"org_id": 1, "head": 5, "leaves": 2}


def test_a_tree_that_was_damaged_names_every_book_it_is_in(signed, empty_url):
    signed.pay(1, org_id=2)
    signed.settle()
    tamper(empty_url, "UPDATE ledger.tree SET root = sha256('x')")
    with signed.database.transaction() as session:
        books = {check.name: check.books for check in prove(session) if not check.holds}
    assert books == {"trees": (0, 1, 2)}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ledger.unsealed SET journals = ARRAY[journals[2], journals[1]]",
        "UPDATE ledger.unsealed SET journals = journals[1:1]",
        "UPDATE ledger.unsealed SET journals = '{}'",
        "UPDATE ledger.unsealed SET batch = batch + 1",
        "UPDATE ledger.unsealed SET org_id = 2",
        "INSERT INTO ledger.unsealed SELECT * FROM ledger.unsealed",
        "DELETE FROM ledger.unsealed",
    ],
)
def test_a_queue_that_was_changed_before_it_was_sealed_is_found(archive, empty_url, damage):
    archive.desk.post(archive.desk.journal(kind=8), archive.desk.journal(kind=8))
    assert archive.broken() == {}
    as_superuser(empty_url, damage)
    assert "batches" in archive.broken()
