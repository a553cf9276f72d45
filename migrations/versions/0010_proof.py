"""Proof: what every proof of the books found, and the books that are shut because they do not agree.

The functions are in migrations/sql/0010_proof.sql.
"""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"

SQL = Path(__file__).parent.parent / "sql"

TABLES = """
CREATE TABLE ledger.proof (
  org_id integer NOT NULL,           -- who keeps the books: the operator
  id uuid NOT NULL,
  by text NOT NULL,
  started_at timestamptz NOT NULL,   -- the moment that was proved
  ended_at timestamptz NOT NULL,
  lsn text NOT NULL,                 -- how far the database's log had come at that moment
  rules integer NOT NULL,
  broken integer NOT NULL,
  examined bigint NOT NULL,
  shut integer[] NOT NULL,           -- the books that were shut by it
  CONSTRAINT proof_pkey PRIMARY KEY (org_id, id)
);
CREATE TABLE ledger.proof_check (
  org_id integer NOT NULL,
  proof uuid NOT NULL,
  place smallint NOT NULL,
  name text NOT NULL,
  examined bigint NOT NULL,
  milliseconds integer NOT NULL,
  books integer[] NOT NULL,          -- every book with a difference
  difference json,                   -- the first one, its facts in their order
  CONSTRAINT proof_check_pkey PRIMARY KEY (org_id, proof, place),
  CONSTRAINT proof_check_org_id_proof_fkey FOREIGN KEY (org_id, proof) REFERENCES ledger.proof (org_id, id)
);
CREATE TABLE ledger.proof_book (
  org_id integer NOT NULL,
  proof uuid NOT NULL,
  proved_at timestamptz NOT NULL,
  transfers bigint NOT NULL,
  broken text[] NOT NULL,            -- the rules that speak against the book; none: it agrees
  CONSTRAINT proof_book_pkey PRIMARY KEY (org_id, proof)
);
CREATE TABLE ledger.shutting (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  shut_at timestamptz NOT NULL,
  shut_by text NOT NULL,
  why text NOT NULL,
  requested_at timestamptz,
  requested_by text,
  reason text,
  approved_at timestamptz,
  approved_by text,
  CONSTRAINT shutting_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT shutting_org_id_fkey FOREIGN KEY (org_id) REFERENCES ledger.book (org_id),
  CONSTRAINT shutting_two_persons_check CHECK (approved_by IS NULL
    OR (requested_by IS NOT NULL AND approved_by <> requested_by))
);
CREATE UNIQUE INDEX shutting_now_idx ON ledger.shutting (org_id) WHERE approved_by IS NULL;
"""
APPEND_ONLY = ("proof", "proof_check", "proof_book")
CALLED_BY_THE_SERVICE = ("keep_proof", "shut_book", "ask_to_open", "open_shut_book")


def upgrade() -> None:
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute(TABLES)
    # As it stands: neither a colon nor a percent sign in it is a parameter.
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute((SQL / "0010_proof.sql").read_text(encoding="utf-8"))
    for table in APPEND_ONLY:
        op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
          FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
        """)
        op.execute(f"""
        CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ledger.{table}
          FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change()
        """)
    for name in CALLED_BY_THE_SERVICE:
        op.execute(f"REVOKE ALL ON FUNCTION ledger.{name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION ledger.{name} TO mizon_app")
    # From now on a book is shut with a reason and opened by two persons, or not at all.
    op.execute("REVOKE EXECUTE ON FUNCTION ledger.set_book_state FROM mizon_app")
    op.execute("RESET ROLE")
