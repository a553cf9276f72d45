-- What an account had on a past day, as it was known at a past instant.
--
-- The sealer folds transfers into totals of a day, so years are a row a day; what is not folded yet is
-- still in its queue, and is read as it stands. A total never spans more than 512 entries of its account
-- (a stretch): what was known at an instant is the stretches before it, and at most 511 entries of its
-- own, read one by one wherever in an account of millions they lie.

-- Add the transfers of these calls to the totals. It cannot know what was folded before: whoever calls it
-- takes the calls out of the queue in the same transaction.
CREATE FUNCTION ledger.fold_days(book integer, batches bigint[]) RETURNS void
LANGUAGE sql SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
  INSERT INTO day_total AS old
         (org_id, account, effective, stretch, entries, debits_minor, credits_minor)
  SELECT book, e.account, t.effective, (e.seq - 1) / 512, count(*), sum(e.debit), sum(e.credit)
    FROM unnest(batches) AS w (batch)
   CROSS JOIN LATERAL (SELECT * FROM transfer t WHERE t.org_id = book AND t.id >= w.batch
                          AND t.id < w.batch + 8192 OFFSET 0) t
   CROSS JOIN LATERAL (VALUES (t.debit_account, t.debit_seq, t.amount_minor, 0),
                              (t.credit_account, t.credit_seq, 0, t.amount_minor))
           AS e (account, seq, debit, credit)
   GROUP BY 2, 3, 4
   ORDER BY 2, 3, 4
  ON CONFLICT (org_id, account, effective, stretch) DO UPDATE
    SET entries = old.entries + excluded.entries,
        debits_minor = old.debits_minor + excluded.debits_minor,
        credits_minor = old.credits_minor + excluded.credits_minor
$$;

-- The entries of calls that are not folded yet.
CREATE VIEW ledger.unfolded AS
  SELECT e.*
    FROM ledger.unsealed u
   CROSS JOIN LATERAL (SELECT * FROM ledger.transfer t WHERE t.org_id = u.org_id
                          AND t.id >= u.batch AND t.id < u.batch + 8192 OFFSET 0) t
   CROSS JOIN LATERAL (
     VALUES (t.org_id, t.debit_account, t.debit_seq, t.effective, t.amount_minor, 0::bigint),
            (t.org_id, t.credit_account, t.credit_seq, t.effective, 0, t.amount_minor))
          AS e (org_id, account, seq, effective, debit_minor, credit_minor);

-- The sequence that an account had reached at an instant. Its entries are written one after the other, so
-- the landmarks are halved until two are neighbours, and the last 64 entries are read.
CREATE FUNCTION ledger.reached_at(book integer, its_account bigint, known timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  low bigint := 0;  -- the number of a landmark that was known; 0 is the beginning
  high bigint;      -- and of one that was not
  middle bigint;
BEGIN
  SELECT a.seq / 64 + 1 INTO high FROM account a WHERE a.org_id = book AND a.id = its_account;
  WHILE high - low > 1 LOOP
    middle := (low + high) / 2;
    IF known >= (SELECT t.posted_at FROM landmark l
                   JOIN transfer t ON t.org_id = l.org_id AND t.id = l.transfer
                  WHERE l.org_id = book AND l.account = its_account AND l.seq = middle * 64) THEN
      low := middle;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  RETURN (SELECT coalesce(max(s.seq), low * 64)
            FROM statement(book, its_account, high * 64, 63) s WHERE s.posted_at <= known);
END $$;

-- Accounts from day to day, both included, as known at an instant. `accounts` NULL: all of the book;
-- `since` NULL: from the beginning; `through` NULL: whatever the day; `known` NULL: all that is known.
-- Opening is debit less credit; where nothing was entered there are zeros.
CREATE FUNCTION ledger.turnovers(
  book integer, accounts bigint[], since date, through date, known timestamptz
) RETURNS TABLE (account bigint, opening numeric, debits numeric, credits numeric, entries bigint)
LANGUAGE sql STABLE SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
  WITH asked AS MATERIALIZED (
    SELECT a.id, CASE WHEN known IS NULL THEN 4611686018427387904  -- beyond all, and whole stretches
                      ELSE reached_at(book, a.id, known) END AS reached
      FROM unnest(coalesce(accounts, ARRAY(SELECT b.id FROM account b WHERE b.org_id = book))) AS a (id)),
  pieces AS (
    SELECT a.id, d.effective, d.debits_minor, d.credits_minor, d.entries
      FROM asked a
     CROSS JOIN LATERAL (SELECT * FROM day_total d WHERE d.org_id = book AND d.account = a.id
                            AND d.effective <= coalesce(through, 'infinity') OFFSET 0) d
     WHERE d.stretch < a.reached / 512
    UNION ALL
    SELECT a.id, u.effective, u.debit_minor, u.credit_minor, 1
      FROM unfolded u JOIN asked a ON a.id = u.account
     WHERE u.org_id = book AND u.effective <= coalesce(through, 'infinity')
       AND u.seq <= a.reached - a.reached % 512
    UNION ALL
    SELECT a.id, s.effective, s.debit_minor, s.credit_minor, 1
      FROM asked a
     CROSS JOIN LATERAL statement(book, a.id, a.reached + 1, (a.reached % 512)::integer) s
     WHERE a.reached % 512 > 0 AND s.effective <= coalesce(through, 'infinity'))
  SELECT a.id,
         coalesce(sum(p.debits_minor - p.credits_minor) FILTER (WHERE p.effective < since), 0),
         coalesce(sum(p.debits_minor) FILTER (WHERE (p.effective < since) IS NOT TRUE), 0),
         coalesce(sum(p.credits_minor) FILTER (WHERE (p.effective < since) IS NOT TRUE), 0),
         coalesce(sum(p.entries) FILTER (WHERE (p.effective < since) IS NOT TRUE), 0)
    FROM asked a LEFT JOIN pieces p ON p.id = a.id
   GROUP BY a.id
$$;
