"""The service's role tries whatever it may not; the list is made from the catalogue, so it stays whole."""

from collections.abc import Collection, Iterable, Iterator

import psycopg
import pytest

from ledger.journals import Outcome, Transfer
from ledger.money import UZS
from tests.ledger.desk import CLEARING, CREDIT, INCOME, Desk
from tests.superuser import rows

DENIED = "42501"
# A view of two tables cannot be written, a partitioned table not inherited, by anybody.
NOT_POSSIBLE = {"55000", "42809"}
INTERNAL = {"find_lines", "keep_lines", "let_due_happen", "hold_still", "refuse_but_erase"}

RELATIONS = """
SELECT c.relname, c.relkind::text, quote_ident(a.attname) FROM pg_class c
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
 WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY 1
"""
FUNCTIONS = """
SELECT p.proname, p.oid::regprocedure::text, p.prosecdef, p.provolatile::text,
       coalesce(array_to_string(p.proconfig, ';'), ''),
       has_function_privilege('mizon_app', p.oid, 'EXECUTE'),
       (SELECT string_agg(format('NULL::%s', format_type(t, NULL)), ', ' ORDER BY n)
          FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n)),
       p.prorettype = 'trigger'::regtype
  FROM pg_proc p WHERE p.pronamespace = 'ledger'::regnamespace AND p.prokind = 'f'
"""
ON_A_TABLE = (
    "INSERT INTO ledger.{name} DEFAULT VALUES",
    "INSERT INTO ledger.{name} SELECT * FROM ledger.{name}",
    "COPY ledger.{name} FROM STDIN",
    "UPDATE ledger.{name} SET {column} = {column}",
    "DELETE FROM ledger.{name}",
    "MERGE INTO ledger.{name} t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "TRUNCATE ledger.{name}",
    "SELECT FROM ledger.{name} FOR UPDATE",
    "SELECT FROM ledger.{name} FOR KEY SHARE",
    "LOCK TABLE ledger.{name} IN ROW EXCLUSIVE MODE",
    "ALTER TABLE ledger.{name} DISABLE TRIGGER ALL",
    "ALTER TABLE ledger.{name} ADD COLUMN mine integer",
    "ALTER TABLE ledger.{name} OWNER TO mizon_app",
    "ALTER TABLE ledger.{name} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE ledger.{name} SET SCHEMA public",
    "CREATE TRIGGER mine BEFORE INSERT ON ledger.{name} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO ledger.{name} DO INSTEAD NOTHING",
    "CREATE INDEX ON ledger.{name} ({column})",
    "CREATE TEMP TABLE mine () INHERITS (ledger.{name})",
    "GRANT INSERT ON ledger.{name} TO mizon_app; INSERT INTO ledger.{name} DEFAULT VALUES",
    "DROP TABLE ledger.{name}",
)
ON_A_VIEW = (
    "INSERT INTO ledger.{name} DEFAULT VALUES",
    "UPDATE ledger.{name} SET {column} = {column}",
    "DELETE FROM ledger.{name}",
    "CREATE OR REPLACE VIEW ledger.{name} AS SELECT 1 AS {column}",
    "ALTER VIEW ledger.{name} OWNER TO mizon_app",
    "DROP VIEW ledger.{name}",
)
ON_A_SEQUENCE = (
    "SELECT nextval('ledger.{name}')",
    "SELECT setval('ledger.{name}', 1)",
    "ALTER SEQUENCE ledger.{name} RESTART",
    "DROP SEQUENCE ledger.{name}",
)
ON_A_FUNCTION = (
    "DROP FUNCTION {}",
    "ALTER FUNCTION {} OWNER TO mizon_app",
    "ALTER FUNCTION {} RESET search_path",
    "ALTER FUNCTION {} SECURITY INVOKER",
    "ALTER FUNCTION {} SET SCHEMA public",
)
BY_KIND = {"r": ON_A_TABLE, "p": ON_A_TABLE, "v": ON_A_VIEW, "S": ON_A_SEQUENCE}
ELSEWHERE = (
    "SET ROLE mizon_owner",
    "SET ROLE mizon_admin",
    "SET SESSION AUTHORIZATION mizon_owner",
    "SET SESSION AUTHORIZATION mizon_admin",
    "SET session_replication_role = replica",
    "SET allow_system_table_mods = on",
    "GRANT mizon_owner TO mizon_app",
    "ALTER ROLE mizon_app SUPERUSER",
    "ALTER ROLE mizon_owner LOGIN",
    "CREATE ROLE mine",
    "ALTER SCHEMA ledger OWNER TO mizon_app",
    "DROP SCHEMA ledger CASCADE",
    "CREATE SCHEMA mine",
    "CREATE TABLE ledger.mine (id integer)",
    "CREATE TABLE public.account (id integer)",
    "CREATE VIEW ledger.mine AS SELECT 1",
    "CREATE TYPE ledger.mine AS (id integer)",
    "CREATE FUNCTION ledger.mine() RETURNS integer LANGUAGE sql RETURN 1",
    "CREATE FUNCTION public.nextval(text) RETURNS bigint LANGUAGE sql RETURN 1",
    "CREATE OPERATOR ledger.= (leftarg = bigint, rightarg = bigint, function = int8ne)",
    "CREATE OPERATOR public.= (leftarg = bigint, rightarg = bigint, function = int8ne)",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION history.refuse_change()",
    "CREATE CAST (bigint AS text) WITH INOUT",
    "UPDATE pg_catalog.pg_proc SET prosecdef = false",
    "UPDATE pg_catalog.pg_trigger SET tgenabled = 'D'",
    "DELETE FROM pg_catalog.pg_depend",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT lo_import('/etc/hostname')",
    "UPDATE history.event SET what = ''",
    "DELETE FROM history.event",
    "TRUNCATE history.event",
)


@pytest.fixture
def service(empty, empty_url, server, service_login) -> Iterator[psycopg.Connection]:
    """A connection as the service has it in production, in a book with a journal."""
    assert Desk(empty).open().does(Transfer(CLEARING, INCOME, UZS("10"))) is Outcome.POSTED
    url = server.url(service_login, empty.engine.url.database)
    with psycopg.connect(url, options="-c role=mizon_app", autocommit=True) as connection:
        yield connection


def what_is_not_refused(
    connection: psycopg.Connection, statements: Iterable[str], refusals: Collection[str] = (DENIED,)
) -> dict[str, str]:
    """The statements that come out otherwise, and how."""
    tried = {statement: state_of(connection, statement) for statement in statements}
    return {statement: state for statement, state in tried.items() if state not in refusals}


def state_of(connection: psycopg.Connection, statement: str) -> str:
    """What the database says to a statement; whatever it does is undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.Error as refusal:
        return refusal.sqlstate or str(refusal)
    return "done"


def test_no_relation_of_the_ledger_can_be_written_changed_or_dropped(service, empty_url):
    found = rows(empty_url, RELATIONS)
    assert {"account", "transfer", "transfer_0", "journal", "entry", "batch_id"} <= {
        r[0] for r in found
    }
    statements = [
        pattern.format(name=name, column=column)
        for name, kind, column in found
        for pattern in BY_KIND[kind]
    ]
    assert what_is_not_refused(service, statements, {DENIED, *NOT_POSSIBLE}) == {}


def test_a_function_that_is_not_meant_for_the_service_cannot_be_called(service, empty_url):
    functions = rows(empty_url, FUNCTIONS)
    kept = {name for name, *_, may, _, is_trigger in functions if not may}
    assert kept >= INTERNAL
    calls = [
        f"SELECT ledger.{name}({arguments or ''})"
        for name, _, _, _, _, may, arguments, is_trigger in functions
        if not may and not is_trigger
    ]
    grants = [
        f"GRANT EXECUTE ON FUNCTION {signature} TO mizon_app"
        for _, signature, _, _, _, may, *_ in functions
        if not may
    ]
    assert what_is_not_refused(service, calls + grants) == {}


def test_what_runs_with_the_owners_rights_looks_nowhere_else(empty_url):
    """SECURITY DEFINER without a pinned search path would run whatever the caller has put in its way."""
    for name, _, definer, _, config, *_ in rows(empty_url, FUNCTIONS):
        assert not definer or "search_path=ledger, pg_temp" in config, name


def test_no_stranger_may_call_anything(empty_url):
    public = "SELECT p.oid::regprocedure::text FROM pg_proc p, aclexplode(p.proacl) a"
    ours = " WHERE p.pronamespace = 'ledger'::regnamespace AND a.grantee = 0"
    assert rows(empty_url, public + ours) == []
    no_acl = (
        "SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace AND proacl IS NULL"
    )
    assert rows(empty_url, no_acl) == []


def test_functions_cannot_be_replaced_changed_or_dropped(service, empty_url):
    signatures = [signature for _, signature, *_ in rows(empty_url, FUNCTIONS)]
    statements = [pattern.format(one) for one in signatures for pattern in ON_A_FUNCTION]
    assert what_is_not_refused(service, statements) == {}


def test_there_is_no_way_around(service):
    assert what_is_not_refused(service, ELSEWHERE) == {}


SHADOWS = """
CREATE TEMP TABLE account (LIKE ledger.account);
CREATE TEMP TABLE journal (LIKE ledger.journal);
CREATE TEMP TABLE transfer (LIKE ledger.transfer);
CREATE TEMP TABLE book (LIKE ledger.book);
CREATE TEMP TABLE unsealed (LIKE ledger.unsealed);
CREATE TEMP TABLE hold (LIKE ledger.hold);
CREATE TEMP TABLE landmark (LIKE ledger.landmark);
CREATE TEMP TABLE original (mine integer);
CREATE TEMP SEQUENCE batch_id;
INSERT INTO account SELECT * FROM ledger.account;
UPDATE account SET posted = 10^15;
INSERT INTO book SELECT * FROM ledger.book;
CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql RETURN '2000-01-01'::timestamptz;
CREATE FUNCTION pg_temp.nextval(text) RETURNS bigint LANGUAGE sql RETURN 1;
CREATE FUNCTION pg_temp.lies(bigint, bigint) RETURNS boolean LANGUAGE sql RETURN true;
CREATE OPERATOR pg_temp.<= (leftarg = bigint, rightarg = bigint, function = pg_temp.lies);
CREATE OPERATOR pg_temp.= (leftarg = bigint, rightarg = bigint, function = pg_temp.lies);
SET search_path = pg_temp, ledger, public, pg_catalog;
"""


def test_shadows_in_the_callers_own_schema_mislead_no_function(service, empty):
    clearing, credit = Desk(empty).id(CLEARING), Desk(empty).id(CREDIT)
    service.execute(SHADOWS)
    pair = sorted([clearing, credit])
    sides = [pair.index(credit) + 1], [pair.index(clearing) + 1]
    post = (
        "SELECT outcomes FROM ledger.post(1, %s::bigint[], ARRAY[gen_random_uuid()], ARRAY[sha256('')],"
        " ARRAY[1::smallint], ARRAY[date '2026-11-20'], ARRAY[1::smallint], NULL, %s, %s, %s::bigint[])"
    )
    # Payers' credit is empty in truth; the shadow says that it is rich.
    taken = service.execute(post, (pair, *sides, [1000])).fetchone()
    one = (
        "SELECT outcomes FROM ledger.post_one(1, %s, %s, 1000, gen_random_uuid(), sha256(''),"
        " 1::smallint, %s, NULL)"
    )
    taken_again = service.execute(one, (credit, clearing, "2026-11-20")).fetchone()
    assert (taken, taken_again) == (([9],), ([9],))
    service.execute(post, (pair, *reversed(sides), [7]))
    shown = service.execute(
        "SELECT seq FROM ledger.statement(1, %s, 100, 10)", (credit,)
    ).fetchall()
    assert shown == [(1,)]
    for table in ("journal", "transfer", "unsealed", "landmark"):
        assert service.execute(f"SELECT count(*) FROM pg_temp.{table}").fetchone() == (0,)
    Desk(empty).proves()


def test_the_owner_of_the_ledger_cannot_log_in_and_the_service_owns_nothing(empty_url):
    assert rows(
        empty_url, "SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'mizon_owner'"
    ) == [(False, False)]
    owned = "SELECT count(*) FROM pg_class WHERE relowner = 'mizon_app'::regrole"
    assert rows(empty_url, owned) == [(0,)]
