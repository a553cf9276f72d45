"""The ledger: books, accounts, two-sided transfers, and `post`, their only writer.

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

# Outcome codes: ledger/transfers.py, class Outcome.
POST = """
CREATE FUNCTION ledger.post(
  book integer,          -- org_id
  accounts bigint[],     -- distinct account ids, ascending
  journals uuid[],       -- the permanent key of each journal
  hashes bytea[],        -- of each whole request: the same key with another body is a conflict
  kinds smallint[],
  effectives date[],
  sizes smallint[],      -- transfers in each journal
  docs text[],           -- JSON or NULL, kept beside the journal
  debits integer[],      -- per transfer: place in accounts
  credits integer[],
  amounts bigint[]       -- minor units
) RETURNS TABLE (outcome smallint, first_id bigint, replayed boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
DECLARE
  posted_now CONSTANT smallint := 1;
  most_minor CONSTANT bigint := 1000000000000000;
  most_balance_minor CONSTANT bigint := 9000000000000000000;
  n integer := cardinality(journals);
  m integer := cardinality(amounts);
  block bigint;
  posting_at timestamptz := clock_timestamp();
  -- account state, by place in accounts
  balance bigint[]; held bigint[]; sequence bigint[]; least bigint[]; most bigint[];
  side smallint[]; state smallint[]; money smallint[];
  -- what is decided, by journal and by transfer
  known smallint[]; known_hash bytea[]; known_first bigint[]; first_place integer[];
  code smallint[] := array_fill(0::smallint, ARRAY[n]);
  first bigint[] := array_fill(NULL::bigint, ARRAY[n]);
  again boolean[] := array_fill(false, ARRAY[n]);
  of_journal integer[] := array_fill(0, ARRAY[m]);
  debit_seqs bigint[] := array_fill(0::bigint, ARRAY[m]);
  credit_seqs bigint[] := array_fill(0::bigint, ARRAY[m]);
  debit_balances bigint[] := array_fill(0::bigint, ARRAY[m]);
  credit_balances bigint[] := array_fill(0::bigint, ARRAY[m]);
  verdict smallint; reached integer := 0; start integer; last integer;
  d integer; c integer; amount bigint; new_d bigint; new_c bigint;
  fresh integer := 0; moved integer := 0;
BEGIN
  IF n NOT BETWEEN 1 AND 8192 OR m NOT BETWEEN 1 AND 8192
     OR n <> ALL (ARRAY[cardinality(hashes), cardinality(kinds), cardinality(effectives),
                        cardinality(sizes), cardinality(docs)])
     OR m <> ALL (ARRAY[cardinality(debits), cardinality(credits)])
     OR m <> (SELECT sum(size) FROM unnest(sizes) AS size)
     OR accounts IS DISTINCT FROM (SELECT array_agg(DISTINCT a ORDER BY a) FROM unnest(accounts) a)
     OR EXISTS (SELECT FROM unnest(sizes) AS size WHERE size < 1)
  THEN
    RAISE EXCEPTION 'ledger.post: arrays do not agree' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF NOT EXISTS (SELECT FROM book b WHERE b.org_id = post.book AND b.state = 1) THEN
    RAISE EXCEPTION 'ledger.post: book % is not open', book
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;

  -- Locks in id order: two calls over the same accounts can wait, never deadlock.
  WITH locked AS MATERIALIZED (
    SELECT * FROM account a WHERE a.org_id = post.book AND a.id = ANY (accounts)
     ORDER BY a.id FOR NO KEY UPDATE)
  SELECT array_agg(l.posted ORDER BY w.place), array_agg(l.held_out ORDER BY w.place),
         array_agg(l.seq ORDER BY w.place), array_agg(l.min_available ORDER BY w.place),
         array_agg(l.max_balance ORDER BY w.place), array_agg(l.normal_side ORDER BY w.place),
         array_agg(l.state ORDER BY w.place), array_agg(l.currency ORDER BY w.place)
    INTO balance, held, sequence, least, most, side, state, money
    FROM unnest(accounts) WITH ORDINALITY AS w (id, place) LEFT JOIN locked l ON l.id = w.id;

  -- Known keys are read after the locks: a twin call that won the race is seen here.
  SELECT array_agg(j.outcome ORDER BY w.place), array_agg(j.request_hash ORDER BY w.place),
         array_agg(j.first_id ORDER BY w.place), array_agg(w.first ORDER BY w.place)
    INTO known, known_hash, known_first, first_place
    FROM (SELECT key, place, min(place) OVER (PARTITION BY key) AS first
            FROM unnest(journals) WITH ORDINALITY AS k (key, place)) w
    LEFT JOIN journal j ON j.org_id = post.book AND j.journal = w.key;

  FOR i IN 1 .. n LOOP
    start := reached + 1;
    reached := reached + sizes[i];
    IF known[i] IS NOT NULL THEN
      again[i] := known_hash[i] = hashes[i];
      code[i] := CASE WHEN again[i] THEN known[i] ELSE 2 END;
      first[i] := CASE WHEN again[i] THEN known_first[i] END;
      CONTINUE;
    ELSIF first_place[i] < i THEN  -- the key stands twice in this call
      again[i] := hashes[first_place[i]] = hashes[i];
      code[i] := CASE WHEN again[i] THEN code[first_place[i]] ELSE 2 END;
      first[i] := CASE WHEN again[i] THEN first[first_place[i]] END;
      CONTINUE;
    END IF;

    verdict := posted_now;
    last := start - 1;
    FOR j IN start .. reached LOOP
      d := debits[j]; c := credits[j]; amount := amounts[j];
      verdict := CASE
        WHEN state[d] IS NULL OR state[c] IS NULL THEN 3
        WHEN d = c THEN 4
        WHEN amount IS NULL OR amount NOT BETWEEN 1 AND most_minor THEN 5
        WHEN money[d] <> money[c] THEN 6
        WHEN state[d] <> 1 OR state[c] <> 1 THEN 7
        WHEN abs(balance[d]) > most_balance_minor OR abs(balance[c]) > most_balance_minor THEN 8
        ELSE posted_now END;
      EXIT WHEN verdict <> posted_now;
      new_d := balance[d] + amount * side[d];
      new_c := balance[c] - amount * side[c];
      -- A limit refuses only a movement towards it: an account beyond its limit can still recover.
      verdict := CASE
        WHEN new_d < balance[d] AND new_d - held[d] < least[d] THEN 9
        WHEN new_c < balance[c] AND new_c - held[c] < least[c] THEN 9
        WHEN new_d > balance[d] AND new_d > most[d] THEN 10
        WHEN new_c > balance[c] AND new_c > most[c] THEN 10
        ELSE posted_now END;
      EXIT WHEN verdict <> posted_now;
      balance[d] := new_d;
      balance[c] := new_c;
      sequence[d] := sequence[d] + 1;
      sequence[c] := sequence[c] + 1;
      of_journal[j] := i;
      debit_seqs[j] := sequence[d];
      credit_seqs[j] := sequence[c];
      debit_balances[j] := new_d;
      credit_balances[j] := new_c;
      last := j;
    END LOOP;

    IF verdict <> posted_now THEN  -- a journal is all or nothing: take its first transfers back
      FOR j IN REVERSE last .. start LOOP
        d := debits[j]; c := credits[j];
        balance[d] := balance[d] - amounts[j] * side[d];
        balance[c] := balance[c] + amounts[j] * side[c];
        sequence[d] := sequence[d] - 1;
        sequence[c] := sequence[c] - 1;
        of_journal[j] := 0;
      END LOOP;
    ELSE
      moved := moved + sizes[i];
      first[i] := start;  -- its place; becomes an id below
    END IF;
    code[i] := verdict;
    fresh := fresh + 1;
  END LOOP;

  IF fresh > 0 THEN
    block := nextval('ledger.batch_id');
    FOR i IN 1 .. n LOOP
      IF first[i] IS NOT NULL AND known[i] IS NULL AND first_place[i] = i THEN
        first[i] := block + first[i] - 1;
      ELSIF again[i] AND known[i] IS NULL THEN
        first[i] := first[first_place[i]];
      END IF;
    END LOOP;
    INSERT INTO batch VALUES (book, block, fresh, moved, posting_at);
    INSERT INTO journal (org_id, journal, request_hash, outcome, first_id, transfers, batch)
    SELECT book, w.key, hashes[w.i], code[w.i], first[w.i], sizes[w.i], block
      FROM unnest(journals) WITH ORDINALITY AS w (key, i)
     WHERE known[w.i] IS NULL AND first_place[w.i] = w.i;
    INSERT INTO journal_doc (org_id, journal, doc)
    SELECT book, w.key, docs[w.i]::jsonb
      FROM unnest(journals) WITH ORDINALITY AS w (key, i)
     WHERE known[w.i] IS NULL AND first_place[w.i] = w.i AND docs[w.i] IS NOT NULL;
  END IF;

  IF moved > 0 THEN
    INSERT INTO transfer (id, debit_account, credit_account, amount_minor, debit_seq, credit_seq,
                          debit_balance, credit_balance, posted_at, effective, org_id, currency,
                          kind, leg, journal)
    SELECT block + w.j - 1, accounts[w.d], accounts[w.c], w.amount, w.ds, w.cs, w.db, w.cb,
           posting_at, effectives[w.i], book, money[w.d], kinds[w.i],
           block + w.j - first[w.i], journals[w.i]
      FROM unnest(debits, credits, amounts, debit_seqs, credit_seqs, debit_balances,
                  credit_balances, of_journal) WITH ORDINALITY
           AS w (d, c, amount, ds, cs, db, cb, i, j)
     WHERE w.i > 0;
    UPDATE account a SET posted = w.balance, seq = w.seq
      FROM unnest(accounts, balance, sequence) AS w (id, balance, seq)
     WHERE a.org_id = post.book AND a.id = w.id AND a.seq <> w.seq;
  END IF;

  RETURN QUERY SELECT * FROM unnest(code, first, again);
END $$
"""

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
    for statement in (TABLES, ENTRY, OPENING, POST):
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
