"""Reconciliation: bank statements, settlements of providers, and the runs that match them."""

from alembic import op

revision = "0005"
down_revision = "0004"

TABLES = """
CREATE TABLE payments.bank_account (
  org_id integer NOT NULL,
  account text NOT NULL,
  currency text NOT NULL,
  mfo text NOT NULL,
  CONSTRAINT bank_account_pkey PRIMARY KEY (org_id, account, currency),
  CONSTRAINT bank_account_org_id_fkey FOREIGN KEY(org_id) REFERENCES identity.organisation (org_id),
  CONSTRAINT bank_account_mfo_check CHECK (mfo ~ '^[0-9]{5}$')
);
CREATE TABLE payments.statement_file (
  org_id integer NOT NULL,
  sha256 text NOT NULL,
  name text NOT NULL,
  format text,
  content bytea,
  received_at timestamptz NOT NULL,
  received_from text NOT NULL,
  verdict text NOT NULL,
  reasons jsonb NOT NULL,
  CONSTRAINT statement_file_pkey PRIMARY KEY (org_id, sha256),
  CONSTRAINT statement_file_verdict_check CHECK (verdict in ('accepted', 'quarantined', 'refused'))
);
CREATE INDEX statement_file_org_id_received_at_idx ON payments.statement_file (org_id, received_at);
CREATE TABLE payments.statement (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  file_sha256 text NOT NULL,
  number integer NOT NULL,
  account text,
  currency text,
  statement_id text NOT NULL,
  sequence bigint,
  position integer,
  from_date date,
  to_date date,
  opening_minor bigint,
  closing_minor bigint,
  entries integer NOT NULL,
  details integer NOT NULL,
  verdict text NOT NULL,
  reasons jsonb NOT NULL,
  CONSTRAINT statement_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT statement_org_id_file_sha256_fkey FOREIGN KEY(org_id, file_sha256)
    REFERENCES payments.statement_file (org_id, sha256),
  CONSTRAINT statement_verdict_check CHECK (verdict in ('accepted', 'quarantined')),
  CONSTRAINT statement_balances_check
    CHECK (verdict <> 'accepted' or (opening_minor is not null and closing_minor is not null)),
  CONSTRAINT statement_org_id_file_sha256_number_key UNIQUE (org_id, file_sha256, number)
);
CREATE UNIQUE INDEX statement_accepted_idx
  ON payments.statement (org_id, account, currency, position) WHERE verdict = 'accepted';
CREATE TABLE payments.statement_line (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  statement_id uuid NOT NULL,
  parent_id uuid,
  seq integer NOT NULL,
  detail integer NOT NULL,
  account text NOT NULL,
  booking_date date,
  value_date date,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL,
  is_reversal boolean NOT NULL,
  bank_reference text NOT NULL,
  end_to_end_id text NOT NULL,
  counterparty jsonb NOT NULL,
  purpose text NOT NULL,
  "references" jsonb NOT NULL,
  state text NOT NULL,
  matched_to jsonb,
  matched_at timestamptz,
  CONSTRAINT statement_line_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT statement_line_org_id_statement_id_fkey FOREIGN KEY(org_id, statement_id)
    REFERENCES payments.statement (org_id, id),
  CONSTRAINT statement_line_state_check
    CHECK (state in ('shown', 'batch', 'unmatched', 'matched', 'suspense', 'break')),
  CONSTRAINT statement_line_org_id_statement_id_seq_detail_key UNIQUE (org_id, statement_id, seq, detail)
);
CREATE INDEX statement_line_unmatched_idx
  ON payments.statement_line (org_id) WHERE state = 'unmatched';
CREATE TABLE payments.payout (
  org_id integer NOT NULL,
  provider text NOT NULL,
  id text NOT NULL,
  net_minor bigint NOT NULL,
  currency text NOT NULL,
  announced_at timestamptz NOT NULL,
  arrives_at timestamptz NOT NULL,
  state text NOT NULL,
  settled_at timestamptz,
  CONSTRAINT payout_pkey PRIMARY KEY (org_id, provider, id),
  CONSTRAINT payout_state_check CHECK (state in ('announced', 'settled'))
);
CREATE TABLE payments.payout_item (
  org_id integer NOT NULL,
  provider text NOT NULL,
  payout_id text NOT NULL,
  seq integer NOT NULL,
  kind text NOT NULL,
  payment_ref text NOT NULL,
  gross_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  agency_org_id integer,
  charge_id uuid,
  CONSTRAINT payout_item_pkey PRIMARY KEY (org_id, provider, payout_id, seq),
  CONSTRAINT payout_item_org_id_provider_payout_id_fkey FOREIGN KEY(org_id, provider, payout_id)
    REFERENCES payments.payout (org_id, provider, id),
  CONSTRAINT payout_item_kind_check CHECK (kind in ('payment', 'refund'))
);
CREATE INDEX payout_item_provider_payment_ref_idx ON payments.payout_item (provider, payment_ref);
CREATE TABLE payments.reconciliation_run (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  by text NOT NULL,
  at timestamptz NOT NULL,
  counts jsonb NOT NULL,
  proof jsonb NOT NULL,
  CONSTRAINT reconciliation_run_pkey PRIMARY KEY (org_id, id)
);
"""

# What the service's role may do; a column that is not named here is never changed by it.
GRANTS = {
    "bank_account": ", UPDATE (mfo)",
    "statement_file": ", UPDATE (verdict, reasons)",
    "statement": ", UPDATE (verdict, reasons, position)",
    "statement_line": ", UPDATE (state, matched_to, matched_at)",
    "payout": ", UPDATE (state, settled_at)",
    "payout_item": "",
    "reconciliation_run": "",
}


def upgrade() -> None:
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute(TABLES)
    for table, granted in GRANTS.items():
        op.execute(f"GRANT SELECT, INSERT{granted} ON payments.{table} TO mizon_app")
    for table in ("payout_item", "reconciliation_run"):
        op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payments.{table}
          FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
        """)
    op.execute("RESET ROLE")
