"""The complete ledger: holds, dated limits, reversals, closed days, documents that can be erased.

`ledger.post` and what stands around it are in migrations/sql/0006_*.sql. Rows link to the transfer
before them on each of their accounts (`debit_previous`, `credit_previous`), and every sixty-fourth
one is a `landmark`; that took the place of two B-trees over account and sequence, which were half
of the work of a posting (docs/decisions/0004-ledger.md).
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

SQL = Path(__file__).parent.parent / "sql"

KEPT = """
CREATE TEMP TABLE old_account ON COMMIT DROP AS SELECT * FROM ledger.account;
CREATE TEMP TABLE old_transfer ON COMMIT DROP AS SELECT * FROM ledger.transfer;
CREATE TEMP TABLE old_journal ON COMMIT DROP AS SELECT * FROM ledger.journal;
CREATE TEMP TABLE old_doc ON COMMIT DROP AS
  SELECT *, gen_random_uuid() AS salt FROM ledger.journal_doc;
"""

TABLES = """
DROP VIEW ledger.entry;
DROP TABLE ledger.transfer, ledger.journal, ledger.journal_doc, ledger.batch, ledger.account;
DROP FUNCTION IF EXISTS ledger.post(integer, bigint[], uuid[], bytea[], smallint[], date[],
  smallint[], text[], integer[], integer[], bigint[]);
DROP FUNCTION ledger.open_account(integer, text, text, smallint, smallint, bigint, bigint);

ALTER TABLE ledger.book
  ADD COLUMN closed_through date,       -- the last day of the last closed period
  ADD COLUMN soft_closed_through date,  -- until this day only adjustments are posted
  ADD CONSTRAINT book_closed_check CHECK (closed_through IS NULL
    OR (soft_closed_through IS NOT NULL AND closed_through <= soft_closed_through));
-- Every single posting writes these rows. A CHECK costs it 2 to 4 microseconds each, since its
-- expression is built anew for every statement; the writer keeps these rules, and the proof sees them.
-- What a posting changes stands side by side: the log of a change is as long as what lies between.
CREATE TABLE ledger.account (
  org_id integer NOT NULL,
  id bigint NOT NULL,
  posted bigint NOT NULL DEFAULT 0,
  seq bigint NOT NULL DEFAULT 0,
  last_transfer bigint NOT NULL DEFAULT 0,
  held_out bigint NOT NULL DEFAULT 0,
  held_in bigint NOT NULL DEFAULT 0,
  min_available bigint,
  max_balance bigint,
  due_at timestamptz,  -- when a hold expires or a limit begins, at the earliest
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  currency smallint NOT NULL,
  normal_side smallint NOT NULL,
  state smallint NOT NULL DEFAULT 1,
  number text NOT NULL,
  name text NOT NULL,
  CONSTRAINT account_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT account_org_id_number_name_currency_key UNIQUE (org_id, number, name, currency),
  CONSTRAINT account_org_id_fkey FOREIGN KEY (org_id) REFERENCES ledger.book (org_id)
) WITH (fillfactor = 50);
ALTER TABLE ledger.journal_kind
  ADD COLUMN memo boolean NOT NULL DEFAULT false,     -- may have no lines: a document of its own
  ADD COLUMN adjusts boolean NOT NULL DEFAULT false,  -- may be posted to a soft-closed day
  ADD COLUMN carries boolean NOT NULL DEFAULT true;   -- on a closed day: posted on the first open one

CREATE TABLE ledger.transfer (
  id bigint NOT NULL,
  debit_account bigint NOT NULL,
  credit_account bigint NOT NULL,
  amount_minor bigint NOT NULL,
  debit_seq bigint NOT NULL,
  credit_seq bigint NOT NULL,
  debit_balance bigint NOT NULL,
  credit_balance bigint NOT NULL,
  debit_previous bigint NOT NULL,
  credit_previous bigint NOT NULL,
  posted_at timestamptz NOT NULL,
  effective date NOT NULL,
  org_id integer NOT NULL,
  currency smallint NOT NULL,
  kind smallint NOT NULL,
  journal uuid NOT NULL,
  carried_from date,
  hold uuid,
  reverses bigint,
  CONSTRAINT transfer_pkey PRIMARY KEY (org_id, id),
  CONSTRAINT transfer_sound_check CHECK (amount_minor > 0 AND debit_account <> credit_account)
) PARTITION BY RANGE (id);
CREATE INDEX transfer_posted_at_idx ON ledger.transfer USING brin (posted_at);
CREATE TABLE ledger.landmark (
  org_id integer NOT NULL,
  account bigint NOT NULL,
  seq bigint NOT NULL,
  transfer bigint NOT NULL,
  CONSTRAINT landmark_pkey PRIMARY KEY (org_id, account, seq)
);
CREATE TABLE ledger.journal (
  batch bigint NOT NULL,
  first_id bigint,
  org_id integer NOT NULL,
  outcome smallint NOT NULL,
  transfers smallint NOT NULL,
  place smallint NOT NULL,
  journal uuid NOT NULL,
  request_hash bytea NOT NULL,
  commitment bytea NOT NULL,  -- SHA-256 over salt and document; empty when there is none
  CONSTRAINT journal_pkey PRIMARY KEY (org_id, journal)
);
CREATE TABLE ledger.journal_doc (
  org_id integer NOT NULL,
  journal uuid NOT NULL,
  salt uuid,
  doc jsonb,
  CONSTRAINT journal_doc_pkey PRIMARY KEY (org_id, journal),
  CONSTRAINT journal_doc_erased_check CHECK ((salt IS NULL) = (doc IS NULL))
);
-- Calls of the writer that no tree holds yet. The sealer deletes what it has sealed, so a
-- transaction that commits late is seen whenever it comes; no index, for it is always small. It says
-- which journals to seal, in their order: an index of journals by batch would cost every posting more.
CREATE TABLE ledger.unsealed (
  batch bigint NOT NULL,
  org_id integer NOT NULL,
  journals uuid[] STORAGE EXTERNAL NOT NULL  -- keys are digests: nothing to compress
);
CREATE TABLE ledger.hold (
  org_id integer NOT NULL,
  hold uuid NOT NULL,
  debit_account bigint NOT NULL,
  credit_account bigint NOT NULL,
  amount_minor bigint NOT NULL,
  captured_minor bigint NOT NULL,
  released_minor bigint NOT NULL,
  expires_at timestamptz,
  currency smallint NOT NULL,
  state smallint NOT NULL,        -- 1 open, 2 done, 3 expired
  debit_free boolean NOT NULL,    -- nothing of it is held on the debit account any more
  credit_free boolean NOT NULL,
  CONSTRAINT hold_pkey PRIMARY KEY (org_id, hold),
  CONSTRAINT hold_state_check CHECK (state IN (1, 2, 3)),
  CONSTRAINT hold_amount_check CHECK (amount_minor > 0 AND captured_minor >= 0
    AND released_minor >= 0 AND captured_minor + released_minor <= amount_minor),
  CONSTRAINT hold_done_check CHECK ((state = 2) = (captured_minor + released_minor = amount_minor))
) WITH (fillfactor = 70);
CREATE INDEX hold_debit_idx ON ledger.hold (org_id, debit_account) WHERE NOT debit_free;
CREATE INDEX hold_credit_idx ON ledger.hold (org_id, credit_account) WHERE NOT credit_free;
CREATE TABLE ledger.hold_line (
  org_id integer NOT NULL,
  journal uuid NOT NULL,
  leg smallint NOT NULL,
  hold uuid NOT NULL,
  what smallint NOT NULL,  -- 1 placed, 2 released
  debit_account bigint NOT NULL,
  credit_account bigint NOT NULL,
  amount_minor bigint NOT NULL,
  posted_at timestamptz NOT NULL,
  expires_at timestamptz,
  CONSTRAINT hold_line_pkey PRIMARY KEY (org_id, journal, leg),
  CONSTRAINT hold_line_what_check CHECK (what IN (1, 2)),
  CONSTRAINT hold_line_amount_check CHECK (amount_minor > 0)
);
CREATE INDEX hold_line_org_id_hold_idx ON ledger.hold_line (org_id, hold);
-- The transfers that captured a hold; an index over transfers would be paid for by every one of them.
CREATE TABLE ledger.capture (
  org_id integer NOT NULL,
  hold uuid NOT NULL,
  transfer bigint NOT NULL,
  CONSTRAINT capture_pkey PRIMARY KEY (org_id, hold, transfer)
);
CREATE TABLE ledger.reversal (
  org_id integer NOT NULL,
  transfer bigint NOT NULL,
  amount_minor bigint NOT NULL,
  reversed_minor bigint NOT NULL,
  CONSTRAINT reversal_pkey PRIMARY KEY (org_id, transfer),
  CONSTRAINT reversal_reversed_check CHECK (reversed_minor BETWEEN 1 AND amount_minor)
);
CREATE TABLE ledger.account_limit (
  org_id integer NOT NULL,
  account bigint NOT NULL,
  id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  min_available bigint,
  max_balance bigint,
  source text NOT NULL,
  by text NOT NULL,
  CONSTRAINT account_limit_pkey PRIMARY KEY (org_id, account, id),
  CONSTRAINT account_limit_org_id_account_fkey FOREIGN KEY (org_id, account)
    REFERENCES ledger.account (org_id, id)
);
CREATE TYPE ledger.original AS (
  transfer bigint, debit_account bigint, credit_account bigint, amount_minor bigint,
  reversed_minor bigint
);
"""

ENTRY = """
CREATE VIEW ledger.entry AS
  SELECT org_id, debit_account AS account, debit_seq AS seq, amount_minor AS debit_minor,
         0::bigint AS credit_minor, debit_balance AS balance, credit_account AS other_account,
         id AS transfer, journal, kind, effective, posted_at, currency, carried_from, hold, reverses
    FROM ledger.transfer
  UNION ALL
  SELECT org_id, credit_account, credit_seq, 0, amount_minor,
         credit_balance, debit_account, id, journal, kind, effective, posted_at, currency,
         carried_from, hold, reverses
    FROM ledger.transfer;
"""

OPENING = """
-- What is sealed of a journal's document: whoever has salt and text can show it, nobody can guess it.
CREATE FUNCTION ledger.commitment(salt uuid, doc jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sha256(uuid_send(salt) || convert_to(doc::text, 'UTF8'));

-- Forget a document: its commitment stays, so every proof stays valid, and nothing can be guessed
-- from it once the salt is gone. False when there was none.
CREATE FUNCTION ledger.erase_doc(for_org integer, its_journal uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE ledger.journal_doc SET salt = NULL, doc = NULL
   WHERE org_id = for_org AND journal = its_journal AND doc IS NOT NULL;
  RETURN FOUND;
END $$;
CREATE FUNCTION ledger.refuse_but_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.doc IS NULL AND NEW.salt IS NULL
     AND (NEW.org_id, NEW.journal) = (OLD.org_id, OLD.journal) THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% of %.% is refused: it can only be erased', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

-- The ids of accounts by what entries call them; those that are not there yet are opened, with the
-- limits given. Each array has one element an account, all of one book.
CREATE FUNCTION ledger.open_accounts(
  for_org integer, numbers text[], names text[], currencies smallint[], sides smallint[],
  least_available bigint[]
) RETURNS bigint[] LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  found bigint[];
BEGIN
  LOOP
    SELECT array_agg(a.id ORDER BY w.place) INTO found
      FROM unnest(numbers, names, currencies) WITH ORDINALITY AS w (number, name, currency, place)
      LEFT JOIN LATERAL (
        SELECT b.id FROM ledger.account b
         WHERE b.org_id = for_org AND b.number = w.number AND b.name = w.name
           AND b.currency = w.currency) a ON true;
    EXIT WHEN array_position(found, NULL) IS NULL;
    PERFORM FROM ledger.book b WHERE b.org_id = for_org FOR SHARE;  -- not while the book is held still
    INSERT INTO ledger.account (org_id, id, number, name, currency, normal_side, min_available)
    SELECT for_org, nextval('ledger.account_id'), w.number, w.name, w.currency, w.side, w.least
      FROM (SELECT DISTINCT * FROM unnest(numbers, names, currencies, sides, least_available, found)
              AS w (number, name, currency, side, least, id)) w
     WHERE w.id IS NULL
     ORDER BY w.number, w.name, w.currency
    ON CONFLICT (org_id, number, name, currency) DO NOTHING;
  END LOOP;
  RETURN found;
END $$;
"""

# What stood before gets its links, landmarks and places; nothing else of it changes.
CARRIED_OVER = """
INSERT INTO ledger.account (org_id, id, posted, seq, min_available, max_balance, opened_at, currency,
                            normal_side, state, number, name)
  SELECT org_id, id, posted, seq, min_available, max_balance, opened_at, currency, normal_side, state,
         number, name FROM old_account;
INSERT INTO ledger.transfer (id, debit_account, credit_account, amount_minor, debit_seq, credit_seq,
    debit_balance, credit_balance, debit_previous, credit_previous, posted_at, effective, org_id,
    currency, kind, journal)
  WITH chain AS (
    SELECT org_id, account, seq, id, coalesce(lag(id) OVER (PARTITION BY org_id, account ORDER BY seq), 0)
           AS previous
      FROM (SELECT org_id, debit_account AS account, debit_seq AS seq, id FROM old_transfer
            UNION ALL SELECT org_id, credit_account, credit_seq, id FROM old_transfer) l)
  SELECT t.id, t.debit_account, t.credit_account, t.amount_minor, t.debit_seq, t.credit_seq,
         t.debit_balance, t.credit_balance, d.previous, c.previous, t.posted_at, t.effective,
         t.org_id, t.currency, t.kind, t.journal
    FROM old_transfer t
    JOIN chain d ON d.org_id = t.org_id AND d.account = t.debit_account AND d.seq = t.debit_seq
    JOIN chain c ON c.org_id = t.org_id AND c.account = t.credit_account AND c.seq = t.credit_seq
   ORDER BY t.id;
INSERT INTO ledger.landmark
  SELECT org_id, account, seq, transfer FROM ledger.entry WHERE seq % 64 = 0;
UPDATE ledger.account a SET last_transfer = e.transfer
  FROM ledger.entry e WHERE e.org_id = a.org_id AND e.account = a.id AND e.seq = a.seq;
INSERT INTO ledger.journal_doc SELECT org_id, journal, salt, doc FROM old_doc;
INSERT INTO ledger.journal (batch, first_id, org_id, outcome, transfers, place, journal, request_hash,
                            commitment)
  SELECT j.batch, j.first_id, j.org_id, j.outcome, CASE WHEN j.outcome = 1 THEN j.transfers ELSE 0 END,
         row_number() OVER (PARTITION BY j.org_id, j.batch ORDER BY j.first_id, j.journal) - 1,
         j.journal, j.request_hash, coalesce(ledger.commitment(d.salt, d.doc), '')
    FROM old_journal j LEFT JOIN old_doc d ON d.org_id = j.org_id AND d.journal = j.journal;
INSERT INTO ledger.unsealed (batch, org_id, journals)
  SELECT batch, org_id, array_agg(journal ORDER BY place) FROM ledger.journal GROUP BY org_id, batch;
"""

APPEND_ONLY = ("transfer", "landmark", "journal", "hold_line", "capture", "account_limit")
CALLED_BY_THE_SERVICE = (
    "post",
    "post_one",
    "open_accounts",
    "statement",
    "commitment",
    "erase_doc",
    "tidy_due",
    "set_limit",
    "set_account_state",
    "set_book_state",
)


def upgrade() -> None:
    op.execute("SET LOCAL ROLE mizon_owner")
    for statement in (KEPT, TABLES, ENTRY, OPENING):
        op.execute(statement)
    op.execute("SELECT ledger.ensure_partitions()")
    op.execute(CARRIED_OVER)
    for name in ("around_post", "post", "post_one", "reading"):
        # As it stands: neither a colon nor a percent sign in it is a parameter.
        with op.get_bind().connection.cursor() as cursor:
            cursor.execute((SQL / f"0006_{name}.sql").read_text(encoding="utf-8"))
    for table in APPEND_ONLY:
        _never_change(table, "history.refuse_change")
    _never_change("journal_doc", "ledger.refuse_but_erase")
    op.execute("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC")
    for name in CALLED_BY_THE_SERVICE:
        op.execute(f"GRANT EXECUTE ON FUNCTION ledger.{name} TO mizon_app")
    op.execute("RESET ROLE")


def _never_change(table: str, refuse: str) -> None:
    op.execute(f"""
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger.{table}
      FOR EACH ROW EXECUTE FUNCTION {refuse}()
    """)
    op.execute(f"""
    CREATE TRIGGER never_emptied BEFORE TRUNCATE ON ledger.{table}
      FOR EACH STATEMENT EXECUTE FUNCTION history.refuse_change()
    """)
