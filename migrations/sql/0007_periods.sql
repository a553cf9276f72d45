-- Periods: open, closed softly (only adjustments are posted there), closed. In time they stand in this
-- order, so two dates of the book tell the writer all it must know. Whatever changes a state holds the
-- book still first: a posting under way is finished before, one that comes later finds the new state.
-- Each function answers why not, or NULL when it is done.

-- Add the period that follows the last one; nothing happens when somebody was quicker.
CREATE FUNCTION ledger.add_period(book integer, starts date, ends date) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
BEGIN ATOMIC
  INSERT INTO ledger.period (org_id, last_day, first_day, follows)
  VALUES (book, ends, starts, (SELECT max(last_day) FROM ledger.period WHERE org_id = book))
  ON CONFLICT DO NOTHING;
END;

-- 'unknown', 'not_from_here', 'not_over' or 'out_of_order'.
CREATE FUNCTION ledger.move_period(book integer, its_last_day date, from_state text, to_state text)
RETURNS text LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
DECLARE
  in_time CONSTANT text[] := ARRAY['closed', 'soft', 'open'];
  p ledger.period;
BEGIN
  PERFORM ledger.hold_still(book);
  SELECT * INTO p FROM ledger.period WHERE org_id = book AND last_day = its_last_day;
  IF p.org_id IS NULL THEN
    RETURN 'unknown';
  ELSIF p.state <> from_state THEN
    RETURN 'not_from_here';
  ELSIF p.last_day >= (clock_timestamp() AT TIME ZONE 'Asia/Tashkent')::date THEN
    RETURN 'not_over';
  ELSIF EXISTS (
    SELECT FROM ledger.period q
     WHERE q.org_id = book
       AND ((q.last_day = p.follows
             AND array_position(in_time, q.state) > array_position(in_time, to_state))
         OR (q.follows = p.last_day
             AND array_position(in_time, q.state) < array_position(in_time, to_state)))) THEN
    RETURN 'out_of_order';
  END IF;
  UPDATE ledger.period SET state = to_state WHERE org_id = book AND last_day = its_last_day;
  UPDATE ledger.book b
     SET closed_through = q.closed, soft_closed_through = q.soft
    FROM (SELECT max(last_day) FILTER (WHERE state = 'closed') AS closed,
                 max(last_day) FILTER (WHERE state <> 'open') AS soft
            FROM ledger.period WHERE org_id = book) q
   WHERE b.org_id = book;
  RETURN NULL;
END $$;

CREATE FUNCTION ledger.close_period_softly(book integer, its_last_day date) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
BEGIN ATOMIC
  SELECT ledger.move_period(book, its_last_day, 'open', 'soft');
END;

CREATE FUNCTION ledger.open_period_again(book integer, its_last_day date) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
BEGIN ATOMIC
  SELECT ledger.move_period(book, its_last_day, 'soft', 'open');
END;

-- The trial balance that a closing sealed, as text: a line for the period, then one an account, each a
-- JSON array. Its SHA-256 is the hash of the closing.
CREATE FUNCTION ledger.sealed_text(book integer, its_last_day date, its_closing integer) RETURNS text
LANGUAGE sql STABLE SET search_path = ledger, pg_temp AS $$
  SELECT jsonb_build_array('mizon trial balance', p.org_id, p.first_day, p.last_day, its_closing)::text
         || E'\n' || coalesce((
           SELECT string_agg(
                    jsonb_build_array(a.number, a.name, a.currency, b.seq, b.debits_minor,
                                      b.credits_minor, b.balance_minor)::text || E'\n', ''
                    ORDER BY a.currency, a.number COLLATE "C", a.name COLLATE "C", a.id)
             FROM period_balance b JOIN account a ON a.org_id = b.org_id AND a.id = b.account
            WHERE b.org_id = book AND b.last_day = its_last_day AND b.closing = its_closing), '')
    FROM period p WHERE p.org_id = book AND p.last_day = its_last_day
$$;

-- Close a period that is closed softly: seal its trial balance as it is known now, list the holds that
-- are open, and keep its hash. A book that does not balance is not closed: that is a fault, and raises.
CREATE FUNCTION ledger.close_period(book integer, its_last_day date, by_whom text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  refused text := ledger.move_period(book, its_last_day, 'soft', 'closed');
  p ledger.period;
  its_closing smallint;
BEGIN
  IF refused IS NOT NULL THEN
    RETURN refused;
  END IF;
  SELECT * INTO p FROM ledger.period WHERE org_id = book AND last_day = its_last_day;
  SELECT coalesce(max(closing), 0) + 1 INTO its_closing
    FROM ledger.period_closing WHERE org_id = book AND last_day = its_last_day;
  INSERT INTO ledger.period_balance (org_id, last_day, closing, account, seq, debits_minor, credits_minor,
                                     balance_minor)
  SELECT book, its_last_day, its_closing, a.id, a.seq, t.debits, t.credits,
         (t.opening + t.debits - t.credits) * a.normal_side
    -- The first period takes in all that came before it.
    FROM ledger.turnovers(book, NULL, CASE WHEN p.follows IS NOT NULL THEN p.first_day END, its_last_day,
                          NULL) t
    JOIN ledger.account a ON a.org_id = book AND a.id = t.account;
  IF EXISTS (
    SELECT FROM ledger.period_balance b JOIN ledger.account a ON a.org_id = b.org_id AND a.id = b.account
     WHERE b.org_id = book AND b.last_day = its_last_day AND b.closing = its_closing
     GROUP BY a.currency HAVING sum(b.balance_minor * a.normal_side) <> 0) THEN
    RAISE EXCEPTION 'ledger.close_period: debits of book % do not equal credits', book
      USING ERRCODE = 'data_corrupted';
  END IF;
  INSERT INTO ledger.period_hold (org_id, last_day, closing, hold, debit_account, credit_account, currency,
                                  rest_minor, expires_at)
  SELECT book, its_last_day, its_closing, h.hold, h.debit_account, h.credit_account, h.currency,
         h.amount_minor - h.captured_minor - h.released_minor, h.expires_at
    FROM ledger.hold h
   WHERE h.org_id = book AND h.state = 1 AND (h.expires_at > clock_timestamp()) IS NOT FALSE;
  INSERT INTO ledger.period_closing (org_id, last_day, closing, closed_at, closed_by, trial_balance_hash)
  VALUES (book, its_last_day, its_closing, clock_timestamp(), by_whom,
          sha256(convert_to(ledger.sealed_text(book, its_last_day, its_closing), 'UTF8')));
  RETURN NULL;
END $$;

-- Ask to reopen the latest closed period: 'unknown', 'not_from_here', 'out_of_order' or 'asked_already'.
CREATE FUNCTION ledger.ask_to_reopen(book integer, its_last_day date, by_whom text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  its_state text := (SELECT state FROM ledger.period WHERE org_id = book AND last_day = its_last_day);
BEGIN
  IF its_state IS NULL THEN
    RETURN 'unknown';
  ELSIF its_state <> 'closed' THEN
    RETURN 'not_from_here';
  ELSIF its_last_day <> (SELECT b.closed_through FROM ledger.book b WHERE b.org_id = book) THEN
    RETURN 'out_of_order';
  END IF;
  INSERT INTO ledger.period_reopening (org_id, last_day, closing, requested_by, requested_at, reason)
  SELECT book, its_last_day, max(c.closing), by_whom, clock_timestamp(), why
    FROM ledger.period_closing c WHERE c.org_id = book AND c.last_day = its_last_day
  ON CONFLICT DO NOTHING;
  RETURN CASE WHEN NOT FOUND THEN 'asked_already' END;
END $$;

-- Reopen a period for adjustments, as somebody else has asked: 'not_asked', 'same_person', or what
-- move_period answers. What the closing sealed stays as it is.
CREATE FUNCTION ledger.reopen_period(book integer, its_last_day date, by_whom text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  asked ledger.period_reopening;
  refused text;
BEGIN
  -- The first lock that moving any period of the book takes: what is read now stays true.
  PERFORM FROM ledger.book b WHERE b.org_id = book FOR NO KEY UPDATE;
  SELECT r.* INTO asked FROM ledger.period_reopening r
   WHERE r.org_id = book AND r.last_day = its_last_day AND r.approved_by IS NULL
     AND r.closing = (SELECT max(c.closing) FROM ledger.period_closing c
                       WHERE c.org_id = book AND c.last_day = its_last_day);
  IF asked.org_id IS NULL THEN
    RETURN 'not_asked';
  ELSIF asked.requested_by = by_whom THEN
    RETURN 'same_person';
  END IF;
  refused := ledger.move_period(book, its_last_day, 'closed', 'soft');
  IF refused IS NULL THEN
    UPDATE ledger.period_reopening SET approved_by = by_whom, approved_at = clock_timestamp()
     WHERE org_id = book AND last_day = its_last_day AND closing = asked.closing;
  END IF;
  RETURN refused;
END $$;
