"""A superuser with every trigger off changes one thing, or rewrites history in balance: proofs see it."""

import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from foundation.clock import now
from ledger.books import prove
from ledger.evidence.heads import publish_heads
from ledger.evidence.notes import Signer
from ledger.evidence.proof import RULES as EVIDENCE
from ledger.evidence.records import tiles_of
from ledger.evidence.sealing import seal_books
from ledger.evidence.tree import root
from ledger.journals import Outcome, Transfer, capture, hold, release, reverse
from ledger.money import UZS
from ledger.rules import RULES
from tests.ledger.desk import CLEARING, CREDIT, DAY, INCOME, Desk

# What nothing can tell, for nothing else follows from it or leads to it. Whoever adds a column is asked
# here whether a rule can see it changed.
NOBODY_KNOWS = {
    "account": {"min_available", "max_balance"}  # of an account without dated limits: the chart's
    | {"opened_at", "state", "number", "name"},
    "account_limit": {"source", "by"},
    "hold_line": {"posted_at"},
    "transfer": {"carried_from"},
}
TABLES = (
    ("account", "last_transfer > 0"),
    ("account_limit", "starts_at < clock_timestamp()"),
    ("capture", "true"),
    ("hold", "true"),
    ("hold_line", "true"),
    ("journal", "outcome = 1"),
    ("journal_doc", "true"),
    ("landmark", "true"),
    ("reversal", "true"),
    ("sealed_batch", "true"),
    ("transfer", "true"),
    ("unsealed", "true"),
)
COLUMNS = """
SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a
 WHERE a.attrelid = format('ledger.%s', CAST(:table AS text))::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
CHANGES = {
    "bigint": "{0} + 1",
    "integer": "{0} + 1",
    "smallint": "{0} + 1",
    "date": "{0} + 1",
    "timestamp with time zone": "{0} + interval '1 hour'",
    "boolean": "NOT {0}",
    "text": "{0} || '!'",
    "bytea": "sha256({0})",
    "uuid": "gen_random_uuid()",
    "jsonb": """{0} || '{{"more": 1}}'""",
    "uuid[]": "array_append({0}, gen_random_uuid())",
}
# Of the rows that qualify, the one in the middle: neither the first nor the last of its account.
ONE_ROW = """
FROM (SELECT tableoid, ctid FROM ledger.{table} WHERE {which} ORDER BY tableoid, ctid
      OFFSET (SELECT count(*) / 2 FROM ledger.{table} WHERE {which}) LIMIT 1) r
 WHERE t.tableoid = r.tableoid AND t.ctid = r.ctid
"""


@pytest.fixture
def world(empty) -> Desk:
    """A sealed and signed book in which everything has happened, and a few calls that still wait."""
    desk = Desk(empty).open()
    desk.credited("500.00")
    for _ in range(70):
        desk.does(Transfer(CLEARING, INCOME, UZS("1")), doc={"bill": "1"})
    taken = desk.post(desk.journal(*[Transfer(CLEARING, INCOME, UZS("10"))] * 3))[0]
    part, open_hold, gone = uuid4(), uuid4(), uuid4()
    soon = now() + timedelta(milliseconds=250)
    for line in (
        reverse(taken.first_id, INCOME, CLEARING, UZS("4")),
        hold(part, CREDIT, CLEARING, UZS("30")),
        capture(part, CREDIT, CLEARING, UZS("10")),
        release(part, CREDIT, CLEARING, UZS("5")),
        hold(open_hold, CREDIT, CLEARING, UZS("7"), expires_at=now() + timedelta(days=3)),
        hold(gone, CREDIT, INCOME, UZS("9"), expires_at=soon),
    ):
        assert desk.does(line) is Outcome.POSTED
    assert desk.does(Transfer(CREDIT, INCOME, UZS("900"))) is Outcome.INSUFFICIENT
    for number, starts in enumerate((now() - timedelta(days=1), now() + timedelta(days=1))):
        limit(desk, UUID(int=number), starts)
    time.sleep(0.3)
    desk.does(Transfer(INCOME, CLEARING, UZS("1")))  # frees one side of the hold that is gone
    seal_books(empty)
    with empty.transaction() as session:
        assert publish_heads(session, [Signer.new("ledger.example")]) == 1
    desk.does(Transfer(CLEARING, INCOME, UZS("2")), Transfer(INCOME, CLEARING, UZS("1")))
    desk.proves()
    return desk


def limit(desk: Desk, id: UUID, starts: object) -> None:
    setting = "SELECT ledger.set_limit(1, :account, :id, :starts, 0, NULL, 'test', 'test')"
    values = {"account": desk.id(CREDIT), "id": id, "starts": starts}
    with desk.database.transaction() as session:
        session.execute(text(setting), values)


@pytest.fixture
def superuser(world, empty_url) -> Iterator[Session]:
    """A session in which no trigger and no foreign key is asked."""
    engine: Engine = create_engine(empty_url)
    with Session(engine) as session:
        session.execute(text("SET session_replication_role = replica"))
        yield session
    engine.dispose()


def seen(session: Session, *statements: str, rules=RULES, **values: object) -> set[str]:
    """The rules that see what the statements did, which is then undone; the table's own refusal counts."""
    with session.begin_nested() as savepoint:
        try:
            for statement in statements:
                assert session.execute(text(statement), values).rowcount != 0, statement
        except DBAPIError:
            savepoint.rollback()
            return {"refused by the table"}
        found = {check.name for check in prove(session, rules) if not check.holds}
        savepoint.rollback()
    return found


@pytest.mark.parametrize(("table", "which"), TABLES)
def test_any_single_value_that_is_changed_is_seen(superuser, table, which):
    unseen = set()
    for column, kind in superuser.execute(text(COLUMNS), {"table": table}).all():
        filled = f"{which} AND {column} IS NOT NULL"
        some = superuser.execute(text(f"SELECT 1 FROM ledger.{table} WHERE {filled}")).first()
        made = CHANGES[kind].format(f"t.{column}") if some else "DEFAULT"
        row = ONE_ROW.format(table=table, which=filled if some else which)
        if some and not seen(superuser, f"UPDATE ledger.{table} t SET {column} = {made} {row}"):
            unseen.add(column)
    assert unseen == NOBODY_KNOWS.get(table, set())


@pytest.mark.parametrize(("table", "which"), TABLES)
def test_any_single_row_that_is_taken_away_is_seen(superuser, table, which):
    row = ONE_ROW.format(table=table, which=which)
    assert seen(
        superuser, f"DELETE FROM ledger.{table} t USING {row.strip().removeprefix('FROM ')}"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.transfer SELECT (jsonb_populate_record(t, jsonb_build_object('id', t.id + 7))).*"
        " FROM (SELECT * FROM ledger.transfer ORDER BY id DESC LIMIT 1) t",
        "INSERT INTO ledger.journal SELECT (jsonb_populate_record(j, jsonb_build_object('journal',"
        " gen_random_uuid(), 'place', 1))).* FROM (SELECT * FROM ledger.journal LIMIT 1) j",
        "INSERT INTO ledger.landmark SELECT org_id, account, 63, transfer FROM ledger.landmark",
        "INSERT INTO ledger.capture SELECT org_id, hold, transfer + 1 FROM ledger.capture",
        "INSERT INTO ledger.unsealed SELECT * FROM ledger.unsealed",
        "UPDATE ledger.hold SET state = 3, debit_free = true, credit_free = true WHERE state = 1",
        "UPDATE ledger.account SET due_at = NULL WHERE due_at IS NOT NULL",
        "UPDATE ledger.account SET min_available = -1000000 WHERE min_available = 0",
    ],
    ids=lambda statement: " ".join(statement.split()[:3]),
)
def test_what_was_added_or_bent_is_seen(superuser, statement):
    assert seen(superuser, statement)


def rewritten(session: Session) -> list[str]:
    """Take 2.00 more in one old transfer, and carry it through everything that follows from it."""
    found = "SELECT id, debit_account, debit_seq, credit_account, credit_seq, effective FROM ledger.transfer"
    one = session.execute(text(f"{found} WHERE debit_seq = 20 ORDER BY id LIMIT 1")).one()
    statements = [
        f"UPDATE ledger.transfer SET amount_minor = amount_minor + 200 WHERE id = {one.id}"
    ]
    for account, seq, sign in (
        (one.debit_account, one.debit_seq, 1),
        (one.credit_account, one.credit_seq, -1),
    ):
        more = f"{200 * sign} * (SELECT normal_side FROM ledger.account WHERE id = {account})"
        total = (
            "debits_minor = debits_minor + 200"
            if sign == 1
            else "credits_minor = credits_minor + 200"
        )
        statements += [
            f"UPDATE ledger.account SET posted = posted + {more} WHERE id = {account}",
            f"UPDATE ledger.transfer SET debit_balance = debit_balance + {more}"
            f" WHERE debit_account = {account} AND debit_seq >= {seq}",
            f"UPDATE ledger.transfer SET credit_balance = credit_balance + {more}"
            f" WHERE credit_account = {account} AND credit_seq >= {seq}",
            f"UPDATE ledger.day_total SET {total} WHERE account = {account} AND stretch = {(seq - 1) // 512}"
            f" AND effective = '{one.effective}'",
        ]
    return [statement for statement in statements if "credit_balance" not in statement or True]


WITHOUT_EVIDENCE = [rule for rule in RULES if rule not in EVIDENCE]
HASHES_ANEW = """
UPDATE ledger.tile i SET hashes = a.hashes
  FROM (SELECT p.org_id, p.level, p.first, string_agg(sha256('\\x00' || l.bytes), NULL ORDER BY n) AS hashes
          FROM ledger.tile p CROSS JOIN LATERAL generate_series(0, octet_length(p.hashes) / 32 - 1) AS n
          JOIN ledger.sealed_batch s ON s.org_id = p.org_id
          JOIN ledger.leaf l ON l.org_id = s.org_id AND l.batch = s.batch AND s.first_leaf + l.place = p.first + n
         WHERE p.org_id = 1 AND p.level = 0 GROUP BY 1, 2, 3) a
 WHERE i.org_id = a.org_id AND i.level = a.level AND i.first = a.first
"""


def test_a_balanced_rewrite_of_history_is_seen_by_the_sealed_tree(superuser):
    """Every figure agrees with every other: only what was sealed remembers."""
    statements = rewritten(superuser)

    assert seen(superuser, *statements, rules=WITHOUT_EVIDENCE) == set()
    assert seen(superuser, *statements) == {"leaves"}


def test_a_balanced_rewrite_with_its_leaves_hashed_anew_is_seen_by_the_tree_above_them(superuser):
    assert seen(superuser, *rewritten(superuser), HASHES_ANEW) == {"trees"}


def test_a_balanced_rewrite_with_its_whole_tree_grown_anew_is_seen_by_the_signed_head(superuser):
    """Whoever has the database but not the key cannot sign another history."""
    for statement in (*rewritten(superuser), HASHES_ANEW):
        superuser.execute(text(statement))
    size = superuser.execute(text("SELECT size FROM ledger.tree WHERE org_id = 1")).scalar_one()
    grown = {"root": root(tiles_of(superuser, 1), size)}
    superuser.execute(text("UPDATE ledger.tree SET root = :root WHERE org_id = 1"), grown)

    broken = {check.name: check.difference for check in prove(superuser) if not check.holds}
    assert set(broken) == {"trees"}
    assert broken["trees"]["head"] == size
