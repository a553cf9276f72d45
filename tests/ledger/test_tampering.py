"""A superuser with every trigger off changes one thing, or rewrites history in balance: proofs see it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from foundation.clock import now
from foundation.database import Database
from ledger.books import prove
from ledger.evidence.heads import publish_heads
from ledger.evidence.notes import Signer
from ledger.evidence.proof import RULES as EVIDENCE
from ledger.evidence.records import tiles_of
from ledger.evidence.sealing import seal_books
from ledger.evidence.tree import root
from ledger.journals import Outcome, Transfer, capture, hold, release, reverse
from ledger.money import UZS
from ledger.rule import Rule
from ledger.rules import RULES
from tests.conftest import TEMPLATE, _copy
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk

# What nothing can tell, for nothing else follows from it or leads to it. Whoever adds a column is asked
# here whether a rule can see it changed.
NOBODY_KNOWS = {
    "account": {"opened_at", "state", "number", "name"},
    "account_limit": {"id", "starts_at", "source", "by"},  # as long as the same one is in force
    "hold_line": {"posted_at"},
    "transfer": {"carried_from"},
}
TABLES = {
    "account": "name = 'stripe'",
    "account_limit": "starts_at < clock_timestamp()",
    "capture": "true",
    "hold": "true",
    "hold_line": "true",
    "journal": "outcome = 1",
    "journal_doc": "true",
    "landmark": "true",
    "reversal": "true",
    "sealed_batch": "true",
    "transfer": "true",
    "unsealed": "true",
}
COLUMNS = """
SELECT attname, format_type(atttypid, NULL), attnotnull FROM pg_attribute
 WHERE attrelid = CAST(:table AS text)::regclass AND attnum > 0 AND NOT attisdropped
"""
# Of each type: a value made from the one that stands there, and one where none stands.
OTHER = {
    "bigint": ("{0} + 1", "1"),
    "integer": ("{0} + 1", "1"),
    "smallint": ("{0} + 1", "1"),
    "date": ("{0} + 1", "'2026-11-19'"),
    "timestamp with time zone": ("{0} + interval '1 hour'", "'2026-11-19'"),
    "boolean": ("NOT {0}", "true"),
    "text": ("{0} || '!'", "'!'"),
    "bytea": ("sha256({0})", "''"),
    "uuid": ("gen_random_uuid()", "gen_random_uuid()"),
    "jsonb": ("""{0} || '{{"more": 1}}'""", "'1'"),
    "uuid[]": ("ARRAY[gen_random_uuid()] || {0}[2:]", "'{}'"),
}
# Of the rows that qualify, the one in the middle: neither the first nor the last of its account.
ONE_ROW = """
     (SELECT tableoid, ctid FROM ledger.{table} WHERE {which} ORDER BY tableoid, ctid
      OFFSET (SELECT count(*) / 2 FROM ledger.{table} WHERE {which}) LIMIT 1) r
 WHERE t.tableoid = r.tableoid AND t.ctid = r.ctid
"""


@pytest.fixture(scope="module")
def address(server, admin, templates) -> Iterator[str]:
    """One database for all of it: whatever is done to it is undone."""
    yield from _copy(server, admin, TEMPLATE)


@pytest.fixture(scope="module")
def world(address) -> Iterator[Desk]:
    """A sealed and signed book in which everything has happened, and a call that still waits."""
    with closing(Database(address)) as database:
        desk = Desk(database).open()
        desk.credited("500.00")
        for _ in range(70):
            desk.does(Transfer(CLEARING, INCOME, UZS("1")), doc={"bill": "1"})
        taken = desk.post(desk.journal(*[Transfer(CLEARING, INCOME, UZS("10"))] * 3))[0]
        part, soon = uuid4(), timedelta(seconds=1)
        for line in (
            reverse(taken.first_id, INCOME, CLEARING, UZS("4")),
            hold(part, CREDIT, CLEARING, UZS("30"), expires_at=now() + timedelta(days=3)),
            capture(part, CREDIT, CLEARING, UZS("10")),
            release(part, CREDIT, CLEARING, UZS("5")),
            hold(uuid4(), CREDIT, CLEARING, UZS("7"), expires_at=now() + timedelta(days=2)),
        ):
            assert desk.does(line) is Outcome.POSTED
        gone = hold(uuid4(), CREDIT, INCOME, UZS("9"), expires_at=now() + soon)
        assert desk.does(gone) is Outcome.POSTED
        assert desk.does(Transfer(CREDIT, INCOME, UZS("900"))) is Outcome.INSUFFICIENT
        for days in (-2, -1, 1):
            limit(desk, starts=now() + timedelta(days=days), least=days)
        time.sleep(soon.total_seconds())
        desk.does(Transfer(INCOME, CLEARING, UZS("1")))  # frees one side of the hold that is gone
        seal_books(database)
        with database.transaction() as session:
            assert publish_heads(session, [Signer.new("ledger.example")]) == 1
        desk.does(Transfer(CLEARING, INCOME, UZS("2")), Transfer(INCOME, CLEARING, UZS("1")))
        desk.proves()
        yield desk


def limit(desk: Desk, **values: object) -> None:
    setting = "SELECT ledger.set_limit(1, :account, :id, :starts, :least, NULL, 'test', 'test')"
    values |= {"account": desk.id(CLEARING), "id": uuid4()}
    with desk.database.transaction() as session:
        session.execute(text(setting), values)


@pytest.fixture
def superuser(world, address) -> Iterator[Session]:
    """A session in which no trigger and no foreign key is asked."""
    engine = create_engine(address)
    with Session(engine) as session:
        session.execute(text("SET session_replication_role = replica"))
        yield session
    engine.dispose()


def broken(session: Session, *statements: str, rules: Sequence[Rule] = RULES) -> Iterator[str]:
    """The rules that see what the statements do, which is then undone; a table's own refusal counts."""
    with session.begin_nested() as savepoint:
        try:
            for statement in statements:
                assert session.execute(text(statement)).rowcount != 0, statement
        except (DataError, IntegrityError):
            yield "refused by the table"
        else:
            yield from (check.name for check in prove(session, rules) if not check.holds)
        finally:
            savepoint.rollback()


def seen(session: Session, statement: str) -> bool:
    """Whether anything sees it."""
    told = broken(session, statement)
    found = next(told, None)
    told.close()
    return found is not None


@pytest.mark.parametrize("table", TABLES)
def test_any_single_value_that_is_changed_is_seen(superuser, table):
    unseen = set()
    for column, kind, never_null in superuser.execute(
        text(COLUMNS), {"table": f"ledger.{table}"}
    ).all():
        changed, where_none_stands = OTHER[kind]
        tried = [(changed.format(f"t.{column}"), "IS NOT NULL")]
        tried += [] if never_null else [("NULL", "IS NOT NULL"), (where_none_stands, "IS NULL")]
        for value, qualifies in tried:
            row = ONE_ROW.format(table=table, which=f"{TABLES[table]} AND {column} {qualifies}")
            there = superuser.execute(text(f"SELECT FROM ledger.{table} t, {row}")).first()
            change = f"UPDATE ledger.{table} t SET {column} = {value} FROM {row}"
            if there is not None and not seen(superuser, change):
                unseen.add(column)
    assert unseen == NOBODY_KNOWS.get(table, set())


@pytest.mark.parametrize("table", TABLES)
def test_any_single_row_that_is_taken_away_is_seen(superuser, table):
    row = ONE_ROW.format(table=table, which=TABLES[table])
    assert seen(superuser, f"DELETE FROM ledger.{table} t USING {row}")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.transfer SELECT (jsonb_populate_record(t, '{\"id\": 77777}')).*"
        " FROM ledger.transfer t ORDER BY t.id DESC LIMIT 1",
        "INSERT INTO ledger.journal SELECT (jsonb_populate_record(j, jsonb_build_object("
        " 'journal', gen_random_uuid(), 'place', 1))).* FROM ledger.journal j LIMIT 1",
        "INSERT INTO ledger.landmark SELECT org_id, account, 63, transfer FROM ledger.landmark",
        "INSERT INTO ledger.capture SELECT org_id, hold, transfer + 1 FROM ledger.capture",
        "INSERT INTO ledger.unsealed SELECT * FROM ledger.unsealed",
        "UPDATE ledger.hold SET state = 3, debit_free = true, credit_free = true WHERE state = 1",
        "UPDATE ledger.account SET due_at = NULL WHERE due_at IS NOT NULL",
    ],
    ids=lambda statement: " ".join(statement.split()[:3]),
)
def test_what_was_added_or_bent_is_seen(superuser, statement):
    assert seen(superuser, statement)


def rewritten(session: Session) -> list[str]:
    """Take 2.00 more in one old transfer, and carry it through everything that follows from it."""
    found = "SELECT * FROM ledger.transfer WHERE debit_seq = 20 ORDER BY id LIMIT 1"
    one = session.execute(text(found)).one()
    statements = [
        f"UPDATE ledger.transfer SET amount_minor = amount_minor + 200 WHERE id = {one.id}"
    ]
    sides = (
        (one.debit_account, one.debit_seq, 200, "debits_minor"),
        (one.credit_account, one.credit_seq, -200, "credits_minor"),
    )
    for account, seq, change, total in sides:
        more = f"{change} * (SELECT normal_side FROM ledger.account WHERE id = {account})"
        statements += [
            f"UPDATE ledger.account SET posted = posted + {more} WHERE id = {account}",
            f"UPDATE ledger.transfer SET debit_balance = debit_balance + {more}"
            f" WHERE debit_account = {account} AND debit_seq >= {seq}",
            f"UPDATE ledger.transfer SET credit_balance = credit_balance + {more}"
            f" WHERE credit_account = {account} AND credit_seq >= {seq}",
            f"UPDATE ledger.day_total SET {total} = {total} + 200 WHERE account = {account}"
            f" AND effective = '{one.effective}'",
        ]
    return statements


WITHOUT_EVIDENCE = [rule for rule in RULES if rule not in EVIDENCE]
HASHES_ANEW = """
WITH leaves AS (
  SELECT org_id, first_leaf + place AS leaf, sha256('\\x00' || bytes) AS hash
    FROM ledger.leaf JOIN ledger.sealed_batch USING (org_id, batch)),
anew AS (
  SELECT org_id, level, first, string_agg(hash, NULL ORDER BY leaf) AS hashes
    FROM ledger.tile JOIN leaves USING (org_id)
   WHERE level = 0 AND leaf >= first AND leaf < first + octet_length(hashes) / 32 GROUP BY 1, 2, 3)
UPDATE ledger.tile t SET hashes = a.hashes
  FROM anew a WHERE (t.org_id, t.level, t.first) = (a.org_id, a.level, a.first)
"""


def test_a_balanced_rewrite_of_history_is_seen_by_the_sealed_tree(superuser):
    """Every figure agrees with every other: only what was sealed remembers."""
    statements = rewritten(superuser)

    assert set(broken(superuser, *statements, rules=WITHOUT_EVIDENCE)) == set()
    assert set(broken(superuser, *statements)) == {"leaves"}


def test_a_balanced_rewrite_with_its_leaves_hashed_anew_is_seen_by_the_tree_above_them(superuser):
    assert set(broken(superuser, *rewritten(superuser), HASHES_ANEW)) == {"trees"}


def test_a_balanced_rewrite_with_its_whole_tree_grown_anew_is_seen_by_the_signed_head(superuser):
    """Whoever has the database but not the key cannot sign another history."""
    for statement in (*rewritten(superuser), HASHES_ANEW):
        superuser.execute(text(statement))
    size = superuser.execute(text("SELECT size FROM ledger.tree WHERE org_id = 1")).scalar_one()
    grown = {"root": root(tiles_of(superuser, 1), size)}
    superuser.execute(text("UPDATE ledger.tree SET root = :root WHERE org_id = 1"), grown)

    faults = {check.name: check.difference for check in prove(superuser) if not check.holds}
    assert set(faults) == {"trees"}
    assert faults["trees"]["head"] == size
