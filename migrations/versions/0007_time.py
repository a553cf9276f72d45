"""Time: day totals and balances of a past day as they were known then; periods and their closing.

The functions are in migrations/sql/0007_*.sql.
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

SQL = Path(__file__).parent.parent / "sql"

TABLES = """
-- What an account's entries of a day sum to; a stretch is 512 entries of the account.
CREATE TABLE ledger.day_total (
  account bigint NOT NULL,
  org_id integer NOT NULL,
  effective date NOT NULL,
  debits_minor bigint NOT NULL,
  credits_minor bigint NOT NULL,
  stretch integer NOT NULL,
  entries integer NOT NULL,
  CONSTRAINT day_total_pkey PRIMARY KEY (org_id, account, effective, stretch)
) WITH (fillfactor = 80);

-- Each period but the first says which it follows: so they have neither gap nor overlap.
CREATE TABLE ledger.period (
  org_id integer NOT NULL,
  last_day date NOT NULL,
  first_day date NOT NULL,
  follows date,
  state text NOT NULL DEFAULT 'open',
  CONSTRAINT period_pkey PRIMARY KEY (org_id, last_day),
  CONSTRAINT period_org_id_follows_key UNIQUE NULLS NOT DISTINCT (org_id, follows),
  CONSTRAINT period_org_id_fkey FOREIGN KEY (org_id) REFERENCES ledger.book (org_id),
  CONSTRAINT period_org_id_follows_fkey FOREIGN KEY (org_id, follows)
    REFERENCES ledger.period (org_id, last_day),
  CONSTRAINT period_days_check CHECK (first_day <= last_day AND (follows IS NULL OR first_day = follows + 1)),
  CONSTRAINT period_state_check CHECK (state IN ('open', 'soft', 'closed'))
);
CREATE TABLE ledger.period_closing (
  org_id integer NOT NULL,
  last_day date NOT NULL,
  closing smallint NOT NULL,
  closed_at timestamptz NOT NULL,
  closed_by text NOT NULL,
  trial_balance_hash bytea NOT NULL,
  CONSTRAINT period_closing_pkey PRIMARY KEY (org_id, last_day, closing),
  CONSTRAINT period_closing_org_id_last_day_fkey FOREIGN KEY (org_id, last_day)
    REFERENCES ledger.period (org_id, last_day)
);
CREATE TABLE ledger.period_balance (
  org_id integer NOT NULL,
  last_day date NOT NULL,
  closing smallint NOT NULL,
  account bigint NOT NULL,
  seq bigint NOT NULL,  -- the account's entries up to this one were known
  -- Of the period; what turns over is not bounded as a balance is, nor is a balance of a past day.
  debits_minor numeric(38) NOT NULL,
  credits_minor numeric(38) NOT NULL,
  balance_minor numeric(38) NOT NULL,  -- after its last day, on the account's normal side
  CONSTRAINT period_balance_pkey PRIMARY KEY (org_id, last_day, closing, account),
  CONSTRAINT period_balance_org_id_last_day_fkey FOREIGN KEY (org_id, last_day)
    REFERENCES ledger.period (org_id, last_day),
  CONSTRAINT period_balance_org_id_account_fkey FOREIGN KEY (org_id, account)
    REFERENCES ledger.account (org_id, id)
);
-- The holds that were open when a period was closed.
CREATE TABLE ledger.period_hold (
  org_id integer NOT NULL,
  last_day date NOT NULL,
  closing smallint NOT NULL,
  hold uuid NOT NULL,
  debit_account bigint NOT NULL,
  credit_account bigint NOT NULL,
  currency smallint NOT NULL,
  rest_minor bigint NOT NULL,
  expires_at timestamptz,
  CONSTRAINT period_hold_pkey PRIMARY KEY (org_id, last_day, closing, hold),
  CONSTRAINT period_hold_org_id_last_day_fkey FOREIGN KEY (org_id, last_day)
    REFERENCES ledger.period (org_id, last_day)
);
CREATE TABLE ledger.period_reopening (
  org_id integer NOT NULL,
  last_day date NOT NULL,
  closing smallint NOT NULL,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL,
  reason text NOT NULL,
  approved_by text,
  approved_at timestamptz,
  CONSTRAINT period_reopening_pkey PRIMARY KEY (org_id, last_day, closing),
  CONSTRAINT period_reopening_org_id_last_day_closing_fkey FOREIGN KEY (org_id, last_day, closing)
    REFERENCES ledger.period_closing (org_id, last_day, closing),
  CONSTRAINT period_reopening_two_persons_check CHECK (approved_by <> requested_by),
  CONSTRAINT period_reopening_approved_check CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);

INSERT INTO ledger.journal_kind (kind, name, memo, adjusts, carries) VALUES
  (8, 'period_closed', true, false, true),
  (9, 'period_reopened', true, false, true),
  (10, 'adjustment', false, true, true);
"""

APPEND_ONLY = ("period_closing", "period_balance", "period_hold")
CALLED_BY_THE_SERVICE = (
    "reached_at",
    "turnovers",
    "add_period",
    "close_period_softly",
    "open_period_again",
    "sealed_text",
    "close_period",
    "ask_to_reopen",
    "reopen_period",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute(TABLES)
    for name in ("day_totals", "periods"):
        # As it stands: neither a colon nor a percent sign in it is a parameter.
        with op.get_bind().connection.cursor() as cursor:
            cursor.execute((SQL / f"0007_{name}.sql").read_text(encoding="utf-8"))
    for table in APPEND_ONLY:
        op.execute(f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
          FOR EACH ROW EXECUTE FUNCTION history.refuse_change()
        """)
        op.execute(f"""
        CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ledger.{table}
          FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change()
        """)
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC")
    for name in CALLED_BY_THE_SERVICE:
        op.execute(f"GRANT EXECUTE ON FUNCTION ledger.{name} TO mizon_app")
    op.execute("RESET ROLE")
