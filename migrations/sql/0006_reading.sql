-- How the ledger is read: statement pages by sequence, and what an account has at this moment.

-- The `lines` entries of an account before a sequence, newest first. A row knows the transfer before
-- it on each account, and every sixty-fourth is a landmark: so a page costs its own rows and at most
-- 63 more, wherever in the account's history it lies.
CREATE FUNCTION ledger.statement(book integer, its_account bigint, before_seq bigint, lines integer)
RETURNS SETOF ledger.entry LANGUAGE sql STABLE
SET search_path = ledger, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
  WITH RECURSIVE here AS (
    SELECT a.last_transfer, least(greatest(before_seq, 0), a.seq + 1) AS before
      FROM account a WHERE a.org_id = book AND a.id = its_account),
  walk AS (
    SELECT t.*, CASE WHEN t.debit_account = its_account THEN t.debit_seq ELSE t.credit_seq END AS seq
      FROM here
     -- OFFSET 0: looked up row by row, never joined as a whole.
     CROSS JOIN LATERAL (SELECT * FROM transfer x WHERE x.org_id = book AND x.id = coalesce(
             (SELECT l.transfer FROM landmark l
               WHERE l.org_id = book AND l.account = its_account AND l.seq >= here.before - 1
               ORDER BY l.seq LIMIT 1), here.last_transfer) OFFSET 0) t
    UNION ALL
    SELECT t.*, CASE WHEN t.debit_account = its_account THEN t.debit_seq ELSE t.credit_seq END
      FROM walk w CROSS JOIN here
     CROSS JOIN LATERAL (SELECT * FROM transfer x WHERE x.org_id = book AND x.id =
             CASE WHEN w.debit_account = its_account THEN w.debit_previous ELSE w.credit_previous END
            OFFSET 0) t
     WHERE w.seq > here.before - lines)
  SELECT w.org_id, its_account, w.seq,
         CASE WHEN w.debit_account = its_account THEN w.amount_minor ELSE 0 END,
         CASE WHEN w.debit_account = its_account THEN 0 ELSE w.amount_minor END,
         CASE WHEN w.debit_account = its_account THEN w.debit_balance ELSE w.credit_balance END,
         CASE WHEN w.debit_account = its_account THEN w.credit_account ELSE w.debit_account END,
         w.id, w.journal, w.kind, w.effective, w.posted_at, w.currency, w.carried_from, w.hold, w.reverses
    FROM walk w CROSS JOIN here WHERE w.seq < here.before ORDER BY w.seq DESC LIMIT lines
$$;

-- Balance, holds, what is available, limits and sequence of every account, of one moment. What a
-- posting would find is shown: a hold past its time counts no more, a limit that has begun does.
CREATE VIEW ledger.standing AS
  SELECT a.org_id, a.id AS account, a.number, a.name, a.currency, a.normal_side, a.state, a.posted,
         a.held_out - due.going_out AS held_out, a.held_in - due.coming_in AS held_in,
         a.posted - a.held_out + due.going_out AS available, a.seq,
         CASE WHEN due.dated THEN due.min_available ELSE a.min_available END AS min_available,
         CASE WHEN due.dated THEN due.max_balance ELSE a.max_balance END AS max_balance
    FROM ledger.account a
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(h.rest) FILTER (WHERE h.side <> a.normal_side), 0)::bigint AS going_out,
             coalesce(sum(h.rest) FILTER (WHERE h.side = a.normal_side), 0)::bigint AS coming_in,
             bool_or(l.dated) AS dated, max(l.min_available) AS min_available,
             max(l.max_balance) AS max_balance
        FROM (SELECT) one
        LEFT JOIN LATERAL (
          SELECT 1 AS side, amount_minor - captured_minor - released_minor AS rest FROM ledger.hold
           WHERE org_id = a.org_id AND debit_account = a.id AND NOT debit_free
             AND expires_at <= statement_timestamp() AND a.due_at <= statement_timestamp()
          UNION ALL
          SELECT -1, amount_minor - captured_minor - released_minor FROM ledger.hold
           WHERE org_id = a.org_id AND credit_account = a.id AND NOT credit_free
             AND expires_at <= statement_timestamp() AND a.due_at <= statement_timestamp()) h ON true
        LEFT JOIN LATERAL (
          SELECT true AS dated, i.min_available, i.max_balance FROM ledger.account_limit i
           WHERE i.org_id = a.org_id AND i.account = a.id AND i.starts_at <= statement_timestamp()
           ORDER BY i.starts_at DESC, i.id DESC LIMIT 1) l ON a.due_at <= statement_timestamp()) due;
