"""Evidence: the trees over sealed journals, and their signed heads.

Log 0 is the national one; every other log is the book of that organisation. The functions are in
migrations/sql/0008_*.sql.
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

SQL = Path(__file__).parent.parent / "sql"

TABLES = """
-- Where the journals of a call of the writer stand in the tree of their book: `first_leaf` + `place`.
CREATE TABLE ledger.sealed_batch (
  batch bigint NOT NULL,
  first_leaf bigint NOT NULL,
  org_id integer NOT NULL,
  journals smallint NOT NULL,
  CONSTRAINT sealed_batch_pkey PRIMARY KEY (org_id, batch)
);
CREATE TABLE ledger.tree (
  org_id integer NOT NULL,
  size bigint NOT NULL,
  root bytea NOT NULL,
  CONSTRAINT tree_pkey PRIMARY KEY (org_id),
  CONSTRAINT tree_root_check CHECK (octet_length(root) = 32)
);
-- Hashes beside each other on a level of a tree, from place `first` on, 256 to a tile. A tile that
-- grows gets another row: nothing is written twice.
CREATE TABLE ledger.tile (
  first bigint NOT NULL,
  org_id integer NOT NULL,
  level smallint NOT NULL,
  hashes bytea STORAGE EXTERNAL NOT NULL,
  CONSTRAINT tile_pkey PRIMARY KEY (org_id, level, first),
  CONSTRAINT tile_hashes_check
    CHECK (octet_length(hashes) % 32 = 0 AND octet_length(hashes) BETWEEN 32 AND (256 - first % 256) * 32)
);
CREATE TABLE ledger.tree_head (
  size bigint NOT NULL,
  national_leaf bigint,  -- of a book: where it stands in the national tree
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  org_id integer NOT NULL,
  root bytea NOT NULL,
  note text NOT NULL,
  CONSTRAINT tree_head_pkey PRIMARY KEY (org_id, size),
  CONSTRAINT tree_head_national_check CHECK ((org_id = 0) = (national_leaf IS NULL))
);
CREATE INDEX tree_head_national_leaf_idx ON ledger.tree_head (national_leaf);
-- The public keys that have signed heads; those of log 0 sign every log.
CREATE TABLE ledger.signing_key (
  org_id integer NOT NULL,
  key text NOT NULL,
  used_from timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT signing_key_pkey PRIMARY KEY (org_id, key)
);
INSERT INTO ledger.tree (org_id, size, root)
  SELECT 0, 0, sha256('') UNION ALL SELECT org_id, 0, sha256('') FROM ledger.book;
-- Every row of the queue is soon deleted: its pages are used again before it is read too often.
ALTER TABLE ledger.unsealed SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
"""

APPEND_ONLY = ("sealed_batch", "tile", "tree_head", "signing_key")
CALLED_BY_THE_SERVICE = (
    "unix_microseconds",
    "next_to_seal",
    "seal",
    "heads_due",
    "publish_heads",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute(TABLES)
    for name in ("leaves", "sealing"):
        # As it stands: neither a colon nor a percent sign in it is a parameter.
        with op.get_bind().connection.cursor() as cursor:
            cursor.execute((SQL / f"0008_{name}.sql").read_text(encoding="utf-8"))
    for table in APPEND_ONLY:
        op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
          FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
        """)
    for table in (*APPEND_ONLY, "tree"):
        op.execute(f"""
        CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ledger.{table}
          FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change()
        """)
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC")
    for name in CALLED_BY_THE_SERVICE:
        op.execute(f"GRANT EXECUTE ON FUNCTION ledger.{name} TO mizon_app")
    op.execute("RESET ROLE")
