-- What stands around ledger.post: the holds and originals that its lines name, what becomes due by
-- itself, and the few things that change an account or a book without moving money. Every one of
-- them takes the lock that post takes, in the same order: accounts by id, then holds by key.
--
-- Rows are looked up one by one (LATERAL … OFFSET 0) and changed where they are (ctid): so no join, chosen
-- while a table was small, can read all of it when it is not.

-- The holds and transfers named by the lines of a call, and for each line the place of its own.
CREATE FUNCTION ledger.find_lines(book integer, hold_keys uuid[], originals bigint[])
RETURNS TABLE (holds ledger.hold[], hold_of integer[], originals_now ledger.original[], original_of integer[])
LANGUAGE sql STABLE SET search_path = ledger, pg_temp AS $$
  WITH named AS (
    SELECT w.j, w.key, dense_rank() OVER (ORDER BY w.key) AS place
      FROM unnest(hold_keys) WITH ORDINALITY AS w (key, j) WHERE w.key IS NOT NULL),
  taken AS (
    SELECT w.j, w.id, dense_rank() OVER (ORDER BY w.id) AS place
      FROM unnest(originals) WITH ORDINALITY AS w (id, j) WHERE w.id IS NOT NULL)
  SELECT (SELECT array_agg(h.whole ORDER BY n.place)
            FROM (SELECT DISTINCT key, place FROM named) n
            LEFT JOIN LATERAL (SELECT x AS whole FROM hold x
                                WHERE x.org_id = find_lines.book AND x.hold = n.key OFFSET 0) h ON true),
         (SELECT array_agg(n.place::integer ORDER BY w.j)
            FROM generate_subscripts(hold_keys, 1) AS w (j) LEFT JOIN named n ON n.j = w.j),
         (SELECT array_agg(CASE WHEN t.id IS NOT NULL THEN
                   ROW(t.id, t.debit_account, t.credit_account, t.amount_minor,
                       coalesce(r.reversed_minor, 0))::original END ORDER BY o.place)
            FROM (SELECT DISTINCT id, place FROM taken) o
            -- What takes back a transfer cannot be taken back itself: post anew.
            LEFT JOIN LATERAL (SELECT * FROM transfer x WHERE x.org_id = find_lines.book AND x.id = o.id
                                  AND x.reverses IS NULL OFFSET 0) t ON true
            LEFT JOIN LATERAL (SELECT * FROM reversal x WHERE x.org_id = find_lines.book
                                  AND x.transfer = o.id OFFSET 0) r ON true),
         (SELECT array_agg(o.place::integer ORDER BY w.j)
            FROM generate_subscripts(originals, 1) AS w (j) LEFT JOIN taken o ON o.j = w.j)
$$;

-- Write down what the lines of a call did to holds and originals; `kept` is by how much each line
-- changed what is held, 0 when it did not or its journal was refused.
CREATE FUNCTION ledger.keep_lines(
  book integer, at timestamptz, accounts bigint[], journals uuid[], of_journal integer[], sizes smallint[],
  debits integer[], credits integer[], amounts bigint[], ids bigint[], actions smallint[], hold_keys uuid[],
  expiries timestamptz[], originals bigint[], kept bigint[], held ledger.hold[], taken ledger.original[]
) RETURNS void LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
BEGIN
  WITH lines AS (
    SELECT w.j, w.i, w.key, w.kept, w.expires, accounts[w.d] AS debit, accounts[w.c] AS credit,
           CASE WHEN w.action = 2 THEN w.kept            -- placed
                WHEN w.action = 5 THEN -w.kept           -- released
                ELSE -w.kept - w.amount END AS minor,    -- captured: only the rest is released
           CASE WHEN w.action = 2 THEN 1 ELSE 2 END AS what
      FROM unnest(of_journal, hold_keys, kept, expiries, debits, credits, actions, amounts)
           WITH ORDINALITY AS w (i, key, kept, expires, d, c, action, amount, j)
     WHERE w.i > 0 AND w.kept <> 0),
  starts AS (SELECT i, sum(size) OVER (ORDER BY i) - size AS before
               FROM unnest(sizes) WITH ORDINALITY AS w (size, i)),
  due AS (
    UPDATE account a SET due_at = least(a.due_at, n.first)
      FROM (SELECT id, min(expires) AS first
              FROM (SELECT debit AS id, expires FROM lines WHERE what = 1 AND expires IS NOT NULL
                    UNION ALL
                    SELECT credit, expires FROM lines WHERE what = 1 AND expires IS NOT NULL) e
             GROUP BY id) n
     CROSS JOIN LATERAL (SELECT x.ctid AS row FROM account x
                          WHERE x.org_id = keep_lines.book AND x.id = n.id OFFSET 0) b
     WHERE a.ctid = b.row)
  INSERT INTO hold_line (org_id, journal, leg, hold, what, debit_account, credit_account,
                         amount_minor, posted_at, expires_at)
  SELECT keep_lines.book, journals[l.i], l.j - s.before, l.key, l.what, l.debit, l.credit, l.minor,
         keep_lines.at, l.expires
    FROM lines l JOIN starts s ON s.i = l.i WHERE l.minor > 0;
  INSERT INTO capture (org_id, hold, transfer)
  SELECT keep_lines.book, w.key, w.id FROM unnest(hold_keys, ids) AS w (key, id)
   WHERE w.key IS NOT NULL AND w.id IS NOT NULL;

  UPDATE hold old
     SET captured_minor = h.captured_minor, released_minor = h.released_minor, state = h.state,
         debit_free = h.debit_free, credit_free = h.credit_free
    FROM unnest(held) AS h
   CROSS JOIN LATERAL (SELECT x.ctid AS row FROM hold x
                        WHERE x.org_id = keep_lines.book AND x.hold = h.hold OFFSET 0) there
   WHERE old.ctid = there.row
     AND h.hold IN (SELECT w.key FROM unnest(hold_keys, kept) AS w (key, kept) WHERE w.kept <> 0);
  -- Two that choose one key for different accounts at the same moment: the later one fails as a whole.
  INSERT INTO hold
  SELECT (h).* FROM unnest(held) AS h
   WHERE h.hold IN (SELECT w.key FROM unnest(hold_keys, kept, actions) AS w (key, kept, action)
                     WHERE w.kept <> 0 AND w.action = 2);

  -- Only what a line did: of an original whose accounts this call does not hold, others write.
  INSERT INTO reversal AS old (org_id, transfer, amount_minor, reversed_minor)
  SELECT keep_lines.book, o.transfer, o.amount_minor, o.reversed_minor FROM unnest(taken) AS o
   WHERE o.transfer IN (SELECT w.id FROM unnest(originals, of_journal) AS w (id, i) WHERE w.i > 0)
  ON CONFLICT (org_id, transfer) DO UPDATE SET reversed_minor = excluded.reversed_minor;
END $$;

-- Let what is due on these accounts happen: holds past their time set their money free, a limit that
-- begins takes the place of the one before. The caller holds the accounts' locks. A hold is freed on
-- each of its two accounts when that account is next touched; what it is, "expired", both see at once.
CREATE FUNCTION ledger.let_due_happen(book integer, accounts bigint[], at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
#variable_conflict use_column
BEGIN
  accounts := ARRAY(SELECT a.id FROM account a
                     WHERE a.org_id = let_due_happen.book AND a.id = ANY (accounts) AND a.due_at <= at);
  IF accounts = '{}' THEN
    RETURN;
  END IF;
  WITH due AS MATERIALIZED (
    SELECT h.hold FROM hold h
     WHERE h.org_id = let_due_happen.book AND h.state IN (1, 3) AND h.hold = ANY (ARRAY(
       SELECT hold FROM hold WHERE org_id = let_due_happen.book AND expires_at <= at
                               AND debit_account = ANY (accounts) AND NOT debit_free
       UNION ALL
       SELECT hold FROM hold WHERE org_id = let_due_happen.book AND expires_at <= at
                               AND credit_account = ANY (accounts) AND NOT credit_free))
     ORDER BY h.hold FOR UPDATE),
  freed AS (
    UPDATE hold h
       SET state = 3, debit_free = h.debit_free OR h.debit_account = ANY (accounts),
           credit_free = h.credit_free OR h.credit_account = ANY (accounts)
     WHERE h.org_id = let_due_happen.book AND h.hold = ANY (ARRAY(SELECT due.hold FROM due))
    RETURNING h.*, h.amount_minor - h.captured_minor - h.released_minor AS rest,
              old.debit_free AS debit_was_free, old.credit_free AS credit_was_free),
  sides AS (
    SELECT debit_account AS id, 1 AS sign, rest FROM freed WHERE debit_free AND NOT debit_was_free
    UNION ALL
    SELECT credit_account, -1, rest FROM freed WHERE credit_free AND NOT credit_was_free)
  UPDATE account a
     SET held_in = a.held_in - coalesce(s.growing, 0), held_out = a.held_out - coalesce(s.shrinking, 0)
    FROM (SELECT b.row, sum(s.rest) FILTER (WHERE s.sign = b.normal_side) AS growing,
                 sum(s.rest) FILTER (WHERE s.sign <> b.normal_side) AS shrinking
            FROM sides s
           CROSS JOIN LATERAL (SELECT x.ctid AS row, x.normal_side FROM account x
                                WHERE x.org_id = let_due_happen.book AND x.id = s.id OFFSET 0) b
           GROUP BY b.row) s
   WHERE a.ctid = s.row;

  UPDATE account a
     SET min_available = CASE WHEN l.dated THEN l.min_available ELSE a.min_available END,
         max_balance = CASE WHEN l.dated THEN l.max_balance ELSE a.max_balance END,
         due_at = least(
           (SELECT min(h.expires_at) FROM hold h
             WHERE h.org_id = let_due_happen.book AND h.debit_account = a.id AND NOT h.debit_free),
           (SELECT min(h.expires_at) FROM hold h
             WHERE h.org_id = let_due_happen.book AND h.credit_account = a.id AND NOT h.credit_free),
           (SELECT min(n.starts_at) FROM account_limit n
             WHERE n.org_id = let_due_happen.book AND n.account = a.id AND n.starts_at > at))
    FROM account b
    LEFT JOIN LATERAL (
      SELECT true AS dated, i.min_available, i.max_balance FROM account_limit i
       WHERE i.org_id = b.org_id AND i.account = b.id AND i.starts_at <= at
       ORDER BY i.starts_at DESC, i.id DESC LIMIT 1) l ON true
   WHERE b.org_id = let_due_happen.book AND b.id = ANY (accounts) AND a.ctid = b.ctid;
END $$;

-- Tidy what is due on up to `most` accounts of a book; the money was free since its time came. Who posts
-- never waits for this: it passes over accounts that are locked, and gives way over holds.
CREATE FUNCTION ledger.tidy_due(book integer, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
  locked bigint[];
BEGIN
  SELECT array_agg(a.id) INTO locked FROM (
    SELECT id FROM ledger.account
     WHERE org_id = book AND due_at <= clock_timestamp()
     ORDER BY id LIMIT most FOR NO KEY UPDATE SKIP LOCKED) a;
  PERFORM ledger.let_due_happen(book, locked, clock_timestamp());
  RETURN coalesce(cardinality(locked), 0);
EXCEPTION WHEN lock_not_available THEN
  RETURN 0;
END $$;

-- A limit from a moment on; the latest that has begun is in force. NULL: no limit on that side.
CREATE FUNCTION ledger.set_limit(
  book integer, its_account bigint, its_id uuid, starts timestamptz, least_available bigint,
  most_balance bigint, its_source text, by_whom text
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  PERFORM FROM ledger.account WHERE org_id = book AND id = its_account FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO ledger.account_limit (org_id, account, id, starts_at, min_available, max_balance, source, by)
  VALUES (book, its_account, its_id, starts, least_available, most_balance, its_source, by_whom)
  ON CONFLICT DO NOTHING;
  UPDATE ledger.account SET due_at = least(due_at, starts) WHERE org_id = book AND id = its_account;
  PERFORM ledger.let_due_happen(book, ARRAY[its_account], clock_timestamp());
  RETURN true;
END $$;

-- Change an account's state; answers why not: 'unknown', 'unchanged', 'not_from_here', 'not_empty', or
-- NULL when done.
CREATE FUNCTION ledger.set_account_state(book integer, its_account bigint, new_state smallint)
RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  a ledger.account;
BEGIN
  SELECT * INTO a FROM ledger.account WHERE org_id = book AND id = its_account FOR NO KEY UPDATE;
  IF a.id IS NULL THEN
    RETURN 'unknown';
  ELSIF a.state = new_state THEN
    RETURN 'unchanged';
  ELSIF (a.state, new_state) NOT IN ((1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 4)) THEN
    RETURN 'not_from_here';
  END IF;
  PERFORM ledger.let_due_happen(book, ARRAY[its_account], clock_timestamp());
  UPDATE ledger.account SET state = new_state WHERE org_id = book AND id = its_account
     AND (new_state <> 4 OR (posted = 0 AND held_out = 0 AND held_in = 0));
  RETURN CASE WHEN NOT FOUND THEN 'not_empty' END;
END $$;

-- Wait for every posting under way in a book and keep new ones waiting until this transaction ends:
-- the book's row keeps new accounts out (open_accounts asks for it), then every account's row. Not FOR
-- UPDATE: a transaction that posts to an account twice asks for the book's key the second time.
CREATE FUNCTION ledger.hold_still(book integer) RETURNS void
LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
BEGIN
  PERFORM FROM ledger.book b WHERE b.org_id = hold_still.book FOR NO KEY UPDATE;
  PERFORM FROM ledger.account a WHERE a.org_id = hold_still.book ORDER BY a.id FOR NO KEY UPDATE;
END $$;

-- Shut a book to postings, or open it again; true when that changed it.
CREATE FUNCTION ledger.set_book_state(book integer, new_state smallint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
BEGIN
  PERFORM ledger.hold_still(book);
  UPDATE ledger.book b SET state = new_state
   WHERE b.org_id = set_book_state.book AND b.state <> new_state;
  RETURN FOUND;
END $$;

-- Until statistics are taken, PostgreSQL believes that a book is one row in two hundred of every table,
-- and a plan made then may read it whole. Say at once what is true of a big one: all rows are its own.
SELECT pg_restore_attribute_stats('schemaname', 'ledger', 'relname', c.relname::text, 'attname', 'org_id',
         'inherited', false, 'null_frac', 0::real, 'avg_width', 4, 'n_distinct', 1::real)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
 WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r';
