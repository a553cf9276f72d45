"""Roles, schemas, job runs and history.

mizon_owner owns everything and cannot log in; mizon_app is what the service runs as. Neither is a
superuser, and the service's role owns nothing.
"""

from alembic import op

revision = "0001"
down_revision = None

ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    CREATE ROLE {role} NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- another database of this cluster was migrated at the same moment
END $$
"""


def upgrade() -> None:
    for role in ("mizon_owner", "mizon_app"):
        op.execute(ROLE.format(role=role))
    op.execute("""
    DO $$ BEGIN
      IF NOT pg_has_role(current_user, 'mizon_app', 'SET') THEN
        EXECUTE format('GRANT mizon_app, mizon_owner TO %I', current_user);
      END IF;
    END $$
    """)
    op.execute("GRANT SELECT ON alembic_version TO mizon_app")
    for schema in ("jobs", "history"):
        op.execute(f"CREATE SCHEMA {schema}")
        op.execute(f"GRANT USAGE ON SCHEMA {schema} TO mizon_app")

    op.execute("""
    CREATE TABLE jobs.run (
      job text NOT NULL,
      slot timestamptz NOT NULL,
      worker text NOT NULL,
      started_at timestamptz NOT NULL,
      lease_until timestamptz NOT NULL,
      attempts integer NOT NULL DEFAULT 1,
      finished_at timestamptz,
      outcome text,
      counts jsonb,
      error text,
      CONSTRAINT run_pkey PRIMARY KEY (job, slot),
      CONSTRAINT run_outcome_check CHECK (outcome IN ('done', 'failed')),
      CONSTRAINT run_finished_check CHECK ((finished_at IS NULL) = (outcome IS NULL))
    )
    """)
    op.execute("CREATE INDEX run_started_at_idx ON jobs.run (started_at)")
    op.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.run TO mizon_app")

    op.execute("""
    CREATE TABLE history.event (
      org_id integer NOT NULL,
      id uuid NOT NULL,
      subject text NOT NULL,
      subject_id text NOT NULL,
      what text NOT NULL,
      by text NOT NULL,
      at timestamptz NOT NULL,
      facts jsonb NOT NULL,
      CONSTRAINT event_pkey PRIMARY KEY (org_id, id)
    )
    """)
    op.execute("CREATE INDEX event_org_id_subject_subject_id_id_idx"
               " ON history.event (org_id, subject, subject_id, id)")  # fmt: skip
    op.execute("GRANT SELECT, INSERT ON history.event TO mizon_app")
    op.execute("""
    CREATE FUNCTION history.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
    END $$
    """)
    op.execute("""
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON history.event
      FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
    """)
    op.execute("""
    CREATE TRIGGER never_emptied BEFORE TRUNCATE ON history.event
      FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change()
    """)
