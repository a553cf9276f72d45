"""The ledger: books, accounts, two-sided transfers, and who may write them.

Shape and measurements: docs/decisions/0004-ledger.md. The service's role may read and call; it cannot
INSERT, UPDATE or DELETE here (first wall), and triggers refuse to change a written row (second wall).
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TABLES = """
CREATE TABLE ledger.book (
  org_id integer NOT NULL,
  state smallint NOT NULL DEFAULT 1,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT book_pkey PRIMARY KEY (org_id),
  CONSTRAINT book_state_check CHECK (state IN (1, 2))
);
CREATE TABLE ledger.account (
  org_id integer NOT NULL,
  id bigint NOT NULL,
  posted bigint NOT NULL DEFAULT 0,
  held_out bigint NOT NULL DEFAULT 0,
  held_in bigint NOT NULL DEFAULT 0,
  seq bigint NOT NULL DEFAULT 0,
  min_available bigint,
  max_balance bigint,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  currency smallint NOT NULL,
  normal_side smallint NOT NULL,
  state smallint NOT NULL DEFAULT 1,
  number text NOT NULL,
  name text NOT NULL,
  CONSTRAINT account_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT account_org_id_number_name_currency_key UNIQUE (org_id, number, name, currency),
  CONSTRAINT account_org_id_fkey FOREIGN KEY (org_id) REFERENCES ledger.book (org_id),
  CONSTRAINT account_normal_side_check CHECK (normal_side IN (1, -1)),
  CONSTRAINT account_state_check CHECK (state IN (1, 2, 3, 4)),
  CONSTRAINT account_held_check CHECK (held_out >= 0 AND held_in >= 0)
) WITH (fillfactor = 50);
CREATE TABLE ledger.journal_kind (
  kind smallint NOT NULL,
  name text NOT NULL,
  CONSTRAINT journal_kind_pkey PRIMARY KEY (kind),
  CONSTRAINT journal_kind_name_key UNIQUE (name)
);
CREATE TABLE ledger.transfer (
  id bigint NOT NULL,
  debit_account bigint NOT NULL,
  credit_account bigint NOT NULL,
  amount_minor bigint NOT NULL,
  debit_seq bigint NOT NULL,
  credit_seq bigint NOT NULL,
  debit_balance bigint NOT NULL,
  credit_balance bigint NOT NULL,
  posted_at timestamptz NOT NULL,
  effective date NOT NULL,
  org_id integer NOT NULL,
  currency smallint NOT NULL,
  kind smallint NOT NULL,
  leg smallint NOT NULL,
  period smallint,
  journal uuid NOT NULL,
  hold uuid,
  reverses bigint,
  CONSTRAINT transfer_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT transfer_two_sides_check CHECK (debit_account <> credit_account),
  CONSTRAINT transfer_amount_check CHECK (amount_minor BETWEEN 1 AND 1000000000000000)
) PARTITION BY RANGE (id);
CREATE INDEX transfer_org_id_debit_account_debit_seq_idx
  ON ledger.transfer (org_id, debit_account, debit_seq);
CREATE INDEX transfer_org_id_credit_account_credit_seq_idx
  ON ledger.transfer (org_id, credit_account, credit_seq);
CREATE INDEX transfer_id_idx ON ledger.transfer USING brin (id);
CREATE INDEX transfer_effective_idx ON ledger.transfer USING brin (effective);
CREATE TABLE ledger.journal (
  org_id integer NOT NULL,
  journal uuid NOT NULL,
  request_hash bytea NOT NULL,
  outcome smallint NOT NULL,
  first_id bigint,
  transfers smallint NOT NULL,
  batch bigint NOT NULL,
  CONSTRAINT journal_pkey PRIMARY KEY (org_id, journal),
  CONSTRAINT journal_posted_check CHECK ((outcome = 1) = (first_id IS NOT NULL))
);
CREATE TABLE ledger.journal_doc (
  org_id integer NOT NULL,
  journal uuid NOT NULL,
  doc jsonb NOT NULL,
  CONSTRAINT journal_doc_pkey PRIMARY KEY (org_id, journal)
);
CREATE TABLE ledger.batch (
  org_id integer NOT NULL,
  batch bigint NOT NULL,
  journals smallint NOT NULL,
  transfers smallint NOT NULL,
  at timestamptz NOT NULL,
  CONSTRAINT batch_pkey PRIMARY KEY (org_id, batch)
);
CREATE SEQUENCE ledger.account_id;
-- A block of 8192 transfer ids per call: ids are unique and physically ordered without a lock.
CREATE SEQUENCE ledger.batch_id AS bigint START 8192 INCREMENT 8192 MINVALUE 8192;
"""

ENTRY = """
CREATE VIEW ledger.entry AS
  SELECT org_id, debit_account AS account, debit_seq AS seq, amount_minor AS debit_minor,
         0::bigint AS credit_minor, debit_balance AS balance, credit_account AS other_account,
         id AS transfer, journal, kind, effective, posted_at, currency
    FROM ledger.transfer
  UNION ALL
  SELECT org_id, credit_account, credit_seq, 0, amount_minor,
         credit_balance, debit_account, id, journal, kind, effective, posted_at, currency
    FROM ledger.transfer
"""

OPENING = """
-- The key of a journal from the words of its request; the same as ledger/transfers.py, Journal.id.
CREATE FUNCTION ledger.journal_key(source text, key text) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(substring(sha256(convert_to(length(source) || ':' || source || ':' || key, 'UTF8'))
                        FROM 1 FOR 16), 'hex')::uuid;

CREATE FUNCTION ledger.open_book(for_org integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
BEGIN ATOMIC
  INSERT INTO ledger.book (org_id) VALUES (for_org) ON CONFLICT DO NOTHING;
END;

CREATE FUNCTION ledger.open_account(
  for_org integer, its_number text, its_name text, its_currency smallint, side smallint,
  least_available bigint, most_balance bigint
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  found_id bigint;
BEGIN
  LOOP
    SELECT id INTO found_id FROM ledger.account
     WHERE org_id = for_org AND number = its_number AND name = its_name AND currency = its_currency;
    IF FOUND THEN
      RETURN found_id;
    END IF;
    INSERT INTO ledger.account
           (org_id, id, number, name, currency, normal_side, min_available, max_balance)
    VALUES (for_org, nextval('ledger.account_id'), its_number, its_name, its_currency, side,
            least_available, most_balance)
    ON CONFLICT (org_id, number, name, currency) DO NOTHING;
  END LOOP;
END $$;

-- Partitions of 2^33 ids (1,048,576 calls); a nightly job calls this so that two are always ahead.
CREATE FUNCTION ledger.ensure_partitions() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  span CONSTANT bigint := 8589934592;
  reached bigint := (SELECT last_value / span FROM ledger.batch_id);
  made integer := 0;
BEGIN
  FOR part IN 0 .. reached + 2 LOOP
    IF to_regclass(format('ledger.transfer_%s', part)) IS NULL THEN
      EXECUTE format('CREATE TABLE ledger.transfer_%s PARTITION OF ledger.transfer'
                     ' FOR VALUES FROM (%s) TO (%s)', part, part * span, (part + 1) * span);
      made := made + 1;
    END IF;
  END LOOP;
  RETURN made;
END $$;
"""

# The writer itself, `ledger.post`, is in migrations/sql/0006_post.sql: one version of it, the present one.
KINDS = (
    "payment_confirmed",
    "payment_credited",
    "payment_reversed",
    "payout_settled",
    "payout_received",
    "bank_transfer_received",
    "unidentified_received",
)
APPEND_ONLY = ("transfer", "journal", "journal_doc", "batch")


def upgrade() -> None:
    op.execute("CREATE SCHEMA ledger AUTHORIZATION mizon_owner")
    op.execute("GRANT USAGE ON SCHEMA history TO mizon_owner")
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute("GRANT USAGE ON SCHEMA ledger TO mizon_app")
    for statement in (TABLES, ENTRY, OPENING):
        op.execute(statement)
    for table in APPEND_ONLY:
        op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
          FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
        """)
        op.execute(f"""
        CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ledger.{table}
          FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change()
        """)
    op.execute("SELECT ledger.ensure_partitions()")
    for number, name in enumerate(KINDS, start=1):
        op.execute(f"INSERT INTO ledger.journal_kind VALUES ({number}, '{name}')")
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC")
    op.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO mizon_app")
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO mizon_app")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA ledger GRANT SELECT ON TABLES TO mizon_app")
    op.execute("RESET ROLE")
