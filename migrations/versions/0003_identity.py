"""Who is asking: organisations, members of staff, their roles and sessions."""

from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = """
CREATE TABLE identity.organisation (
  org_id integer NOT NULL,
  code text NOT NULL,
  kind text NOT NULL,
  stir text NOT NULL,
  name jsonb NOT NULL,
  CONSTRAINT organisation_pkey PRIMARY KEY (org_id),
  CONSTRAINT organisation_code_key UNIQUE (code),
  CONSTRAINT organisation_code_check CHECK (code ~ '^[0-9]{4}$'),
  CONSTRAINT organisation_kind_check CHECK (kind in ('operator', 'agency')),
  CONSTRAINT organisation_stir_check CHECK (stir ~ '^[1-9][0-9]{8}$'),
  CONSTRAINT organisation_name_check CHECK (name ?& array['uz', 'ru', 'en'])
);
CREATE TABLE identity.staff_member (
  id uuid NOT NULL,
  login text NOT NULL,
  name text NOT NULL,
  password_hash text NOT NULL,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  CONSTRAINT staff_member_pkey PRIMARY KEY (id),
  CONSTRAINT staff_member_login_key UNIQUE (login)
);
CREATE TABLE identity.role_grant (
  staff_id uuid NOT NULL,
  org_id integer NOT NULL,
  role text NOT NULL,
  CONSTRAINT role_grant_pkey PRIMARY KEY (staff_id, org_id, role),
  CONSTRAINT role_grant_staff_id_fkey FOREIGN KEY(staff_id) REFERENCES identity.staff_member (id),
  CONSTRAINT role_grant_org_id_fkey FOREIGN KEY(org_id) REFERENCES identity.organisation (org_id)
);
CREATE TABLE identity.session (
  token_hash bytea NOT NULL,
  staff_id uuid NOT NULL,
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT session_pkey PRIMARY KEY (token_hash),
  CONSTRAINT session_staff_id_fkey FOREIGN KEY(staff_id) REFERENCES identity.staff_member (id)
);
CREATE TABLE identity.sign_in_attempt (
  id bigint GENERATED ALWAYS AS IDENTITY,
  login text NOT NULL,
  at timestamptz NOT NULL,
  succeeded boolean NOT NULL,
  CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (id)
);
CREATE INDEX sign_in_attempt_login_at_idx ON identity.sign_in_attempt (login, at);
"""

# What the service's role may do; a column that is not named here is never changed by it.
GRANTS = {
    "organisation": "",
    "staff_member": ", UPDATE (password_hash, disabled_at)",
    "role_grant": "",
    "session": ", UPDATE (seen_at, ended_at)",
    "sign_in_attempt": ", DELETE",
}


def upgrade() -> None:
    op.execute("CREATE SCHEMA identity AUTHORIZATION mizon_owner")
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute("GRANT USAGE ON SCHEMA identity TO mizon_app")
    op.execute(TABLES)
    for table, granted in GRANTS.items():
        op.execute(f"GRANT SELECT, INSERT{granted} ON identity.{table} TO mizon_app")
    op.execute("RESET ROLE")
