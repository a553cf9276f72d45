"""Currencies: exchange rates with their source, and journals that exchange; books that name each other.

What one book expects from another (1330) is named by that book's organisation from now on, as what
it owes (2220) always was, so that any two books can be held against each other.
"""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"

SQL = Path(__file__).parent.parent / "sql"

TABLES = """
-- `rate` units of `quote` for `units` units of `base`; currencies by their ISO 4217 number.
CREATE TABLE ledger.exchange_rate (
  id uuid NOT NULL,
  base smallint NOT NULL,
  quote smallint NOT NULL,
  day date NOT NULL,
  units integer NOT NULL,
  rate numeric NOT NULL,
  official boolean NOT NULL,  -- the central bank's: what the books value a currency at
  source text NOT NULL,
  by text NOT NULL,
  CONSTRAINT exchange_rate_pkey PRIMARY KEY (id),
  CONSTRAINT exchange_rate_base_quote_day_source_key UNIQUE (base, quote, day, source),
  CONSTRAINT exchange_rate_sound_check CHECK (base <> quote AND units > 0 AND rate > 0
    AND rate < 1000000000000)  -- which NaN is not
);
CREATE UNIQUE INDEX exchange_rate_official_idx ON ledger.exchange_rate (base, quote, day) WHERE official;
CREATE TABLE ledger.exchange (
  org_id integer NOT NULL,
  journal uuid NOT NULL,
  rate uuid NOT NULL,
  sold_currency smallint NOT NULL,
  sold_minor bigint NOT NULL,
  sold_official uuid,    -- the rate it is valued at; NULL for the books' own currency
  bought_currency smallint NOT NULL,
  bought_minor bigint NOT NULL,
  bought_official uuid,
  CONSTRAINT exchange_pkey PRIMARY KEY (org_id, journal)
);
CREATE TABLE ledger.revaluation (
  org_id integer NOT NULL,
  journal uuid NOT NULL,
  rate uuid NOT NULL,
  currency smallint NOT NULL,
  position_minor bigint NOT NULL,
  position_seq bigint NOT NULL,
  value_minor bigint NOT NULL,
  CONSTRAINT revaluation_pkey PRIMARY KEY (org_id, journal)
);
INSERT INTO ledger.journal_kind (kind, name, memo, adjusts, carries) VALUES
  (11, 'reversal', false, false, true),
  (12, 'currency_exchanged', false, false, true),
  (13, 'currency_revalued', false, true, false);
"""

# The name of an account is in no leaf and no hash of a request: what was posted stays as it was.
NAMED = """
UPDATE ledger.account a SET name = o.org_id::text
  FROM identity.organisation o
 WHERE o.kind = 'operator' AND a.number = '1330' AND a.name = ''
"""

APPEND_ONLY = ("exchange_rate", "exchange", "revaluation")
CALLED_BY_THE_SERVICE = (
    "lock_accounts",
    "keep_rate",
    "keep_exchange",
    "keep_revaluation",
    "half_up",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE mizon_owner")
    op.execute(TABLES)
    op.execute(NAMED)
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute((SQL / "0009_currencies.sql").read_text(encoding="utf-8"))
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
    op.execute("RESET ROLE")
