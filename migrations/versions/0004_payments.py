"""Payments: services, bills, charges, receipts, breaks, and what providers tell us."""

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
CREATE TABLE payments.service (
  org_id integer NOT NULL,
  code text NOT NULL,
  name jsonb NOT NULL,
  CONSTRAINT service_pkey PRIMARY KEY (org_id, code),
  CONSTRAINT service_org_id_fkey FOREIGN KEY(org_id) REFERENCES identity.organisation (org_id),
  CONSTRAINT service_code_check CHECK (code ~ '^[0-9]{4}$'),
  CONSTRAINT service_name_check CHECK (name ?& array['uz', 'ru', 'en'])
);
CREATE TABLE payments.service_version (
  org_id integer NOT NULL,
  service_code text NOT NULL,
  version integer NOT NULL,
  valid_from date NOT NULL,
  fee_minor bigint NOT NULL,
  currency text NOT NULL,
  days_to_pay integer NOT NULL,
  legal_basis jsonb NOT NULL,
  split jsonb NOT NULL,
  CONSTRAINT service_version_pkey PRIMARY KEY (org_id, service_code, version),
  CONSTRAINT service_version_org_id_service_code_fkey FOREIGN KEY(org_id, service_code)
    REFERENCES payments.service (org_id, code),
  CONSTRAINT service_version_fee_check CHECK (fee_minor > 0),
  CONSTRAINT service_version_days_to_pay_check CHECK (days_to_pay > 0),
  CONSTRAINT service_version_split_check CHECK (jsonb_array_length(split) > 0)
);
CREATE TABLE payments.bill (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  reference text NOT NULL,
  service_code text NOT NULL,
  service_version integer NOT NULL,
  payer_name text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  due_on date NOT NULL,
  expires_at timestamptz NOT NULL,
  state text NOT NULL,
  issued_at timestamptz NOT NULL,
  paid_at timestamptz,
  CONSTRAINT bill_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT bill_org_id_reference_key UNIQUE (org_id, reference),
  CONSTRAINT bill_org_id_service_code_service_version_fkey FOREIGN KEY(org_id, service_code, service_version)
    REFERENCES payments.service_version (org_id, service_code, version),
  CONSTRAINT bill_reference_check CHECK (reference ~ '^[0-9]{20}$'),
  CONSTRAINT bill_amount_check CHECK (amount_minor > 0),
  CONSTRAINT bill_state_check CHECK (state in ('open', 'paid', 'expired', 'cancelled')),
  CONSTRAINT bill_paid_check CHECK ((state = 'paid') = (paid_at is not null))
);
CREATE INDEX bill_expiring_idx ON payments.bill (expires_at) WHERE state = 'open';
CREATE INDEX bill_org_id_issued_at_idx ON payments.bill (org_id, issued_at);
CREATE TABLE payments.charge (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  bill_id uuid NOT NULL,
  provider text NOT NULL,
  provider_ref text,
  payment_ref text,
  checkout_url text,
  language text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  state text NOT NULL,
  created_at timestamptz NOT NULL,
  settled_at timestamptz,
  closed_at timestamptz,
  confirmed_minor bigint,
  confirmed_currency text,
  applied text,
  CONSTRAINT charge_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT charge_org_id_bill_id_fkey FOREIGN KEY(org_id, bill_id)
    REFERENCES payments.bill (org_id, id),
  CONSTRAINT charge_amount_check CHECK (amount_minor > 0),
  CONSTRAINT charge_state_check
    CHECK (state in ('created', 'pending', 'settled', 'reversed', 'declined', 'cancelled', 'expired')),
  CONSTRAINT charge_applied_check CHECK (applied in ('bill', 'credit')),
  CONSTRAINT charge_settled_check
    CHECK ((state in ('settled', 'reversed')) = (settled_at is not null and applied is not null and confirmed_minor is not null and confirmed_currency is not null))
);
CREATE UNIQUE INDEX charge_one_open_idx
  ON payments.charge (org_id, bill_id) WHERE state in ('created', 'pending');
CREATE UNIQUE INDEX charge_one_payment_idx
  ON payments.charge (org_id, bill_id) WHERE state = 'settled' and applied = 'bill';
CREATE INDEX charge_org_id_provider_provider_ref_idx
  ON payments.charge (org_id, provider, provider_ref);
CREATE INDEX charge_pending_idx
  ON payments.charge (created_at) WHERE state in ('created', 'pending');
CREATE INDEX charge_provider_payment_ref_idx ON payments.charge (provider, payment_ref);
CREATE TABLE payments.counter (
  org_id integer NOT NULL,
  series text NOT NULL,
  year integer NOT NULL,
  last bigint NOT NULL,
  CONSTRAINT counter_pkey PRIMARY KEY (org_id, series, year)
);
CREATE TABLE payments.receipt (
  org_id integer NOT NULL,
  number text NOT NULL,
  charge_id uuid NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  issued_at timestamptz NOT NULL,
  CONSTRAINT receipt_pkey PRIMARY KEY (org_id, number),
  CONSTRAINT receipt_org_id_charge_id_key UNIQUE (org_id, charge_id),
  CONSTRAINT receipt_org_id_charge_id_fkey FOREIGN KEY(org_id, charge_id)
    REFERENCES payments.charge (org_id, id),
  CONSTRAINT receipt_amount_check CHECK (amount_minor > 0)
);
CREATE TABLE payments.break (
  org_id integer NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  subject text NOT NULL,
  subject_id text NOT NULL,
  facts jsonb NOT NULL,
  state text NOT NULL,
  opened_at timestamptz NOT NULL,
  resolved_at timestamptz,
  resolved_by text,
  resolution text,
  CONSTRAINT break_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT break_state_check CHECK (state in ('open', 'resolved')),
  CONSTRAINT break_resolved_check CHECK ((state = 'resolved') = (resolved_at is not null))
);
CREATE INDEX break_org_id_state_opened_at_idx ON payments.break (org_id, state, opened_at);
CREATE TABLE payments.callback (
  source text NOT NULL,
  external_id text NOT NULL,
  type text NOT NULL,
  body bytea NOT NULL,
  received_at timestamptz NOT NULL,
  deliveries integer DEFAULT 1 NOT NULL,
  state text NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  next_attempt_at timestamptz NOT NULL,
  handled_at timestamptz,
  error text,
  CONSTRAINT callback_pkey PRIMARY KEY (source, external_id),
  CONSTRAINT callback_state_check CHECK (state in ('stored', 'handled', 'ignored', 'parked'))
);
CREATE INDEX callback_received_at_idx ON payments.callback (received_at);
CREATE INDEX callback_waiting_idx ON payments.callback (next_attempt_at) WHERE state = 'stored';
CREATE TABLE payments.payme_transaction (
  id text NOT NULL,
  org_id integer NOT NULL,
  charge_id uuid NOT NULL,
  time bigint NOT NULL,
  amount_minor bigint NOT NULL,
  account jsonb NOT NULL,
  create_time bigint NOT NULL,
  perform_time bigint NOT NULL,
  cancel_time bigint NOT NULL,
  state smallint NOT NULL,
  reason smallint,
  CONSTRAINT payme_transaction_pkey PRIMARY KEY (id),
  CONSTRAINT payme_transaction_org_id_charge_id_fkey FOREIGN KEY(org_id, charge_id)
    REFERENCES payments.charge (org_id, id),
  CONSTRAINT payme_transaction_state_check CHECK (state in (1, 2, -1, -2)),
  CONSTRAINT payme_transaction_performed_check CHECK ((state in (2, -2)) = (perform_time > 0)),
  CONSTRAINT payme_transaction_cancelled_check CHECK ((state < 0) = (cancel_time > 0))
);
CREATE INDEX payme_transaction_open_idx ON payments.payme_transaction (time) WHERE state = 1;
CREATE INDEX payme_transaction_org_id_charge_id_idx
  ON payments.payme_transaction (org_id, charge_id);
CREATE INDEX payme_transaction_time_id_idx ON payments.payme_transaction (time, id);
CREATE TABLE payments.payme_fiscal (
  transaction_id text NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL,
  received_at timestamptz NOT NULL,
  CONSTRAINT payme_fiscal_pkey PRIMARY KEY (transaction_id, type),
  CONSTRAINT payme_fiscal_transaction_id_fkey FOREIGN KEY(transaction_id)
    REFERENCES payments.payme_transaction (id),
  CONSTRAINT payme_fiscal_type_check CHECK (type in ('PERFORM', 'CANCEL'))
);
CREATE TABLE payments.provider_key (
  provider text NOT NULL,
  key_hash bytea NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT provider_key_pkey PRIMARY KEY (provider)
);
"""

# What the service's role may do; a column that is not named here is never changed by it.
GRANTS = {
    "service": "",
    "service_version": "",
    "bill": ", UPDATE (state, paid_at)",
    "charge": ", UPDATE (provider_ref, payment_ref, checkout_url, state, settled_at, closed_at,"
    " confirmed_minor, confirmed_currency, applied)",
    "counter": ", UPDATE (last)",
    "receipt": "",
    "break": ", UPDATE (state, resolved_at, resolved_by, resolution)",
    "callback": ", UPDATE (deliveries, state, attempts, next_attempt_at, handled_at, error)",
    "payme_transaction": ", UPDATE (perform_time, cancel_time, state, reason)",
    "payme_fiscal": ", UPDATE (data)",
    "provider_key": ", UPDATE (key_hash, changed_at)",
}


def upgrade() -> None:
    op.execute("CREATE SCHEMA payments AUTHORIZATION mizon_owner")
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute("GRANT USAGE ON SCHEMA payments TO mizon_app")
    op.execute(TABLES)
    for table, granted in GRANTS.items():
        op.execute(f"GRANT SELECT, INSERT{granted} ON payments.{table} TO mizon_app")
    for table in ("receipt", "service_version"):
        op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payments.{table}
          FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
        """)
    op.execute("RESET ROLE")
