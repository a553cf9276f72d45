-- The short way for the most common call: one journal of one movement, that nothing stands against.
-- It decides nothing. Whatever is not plainly in order (a key that was met, a limit, a closed day, an
-- account with something due, a book that is shut) is put back and goes to ledger.post, which decides.
-- Few statements and few expressions, for those are what a single posting costs
-- (docs/decisions/0004-ledger.md).
CREATE FUNCTION ledger.post_one(
  book integer, debit bigint, credit bigint, amount bigint, key uuid, hash bytea, its_kind smallint,
  its_effective date, its_doc text,
  OUT first_id bigint, OUT outcomes smallint[], OUT first_ids bigint[], OUT replayed boolean[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  low record;
  high record;
  its_salt uuid;
BEGIN
  -- The lower id is locked first, as everywhere; the transfer's id is drawn under both locks, so that on
  -- every account ids ascend with sequences.
  PERFORM FROM account WHERE org_id = book AND id = least(debit, credit) FOR NO KEY UPDATE;
  UPDATE account
     SET posted = posted + CASE WHEN (id = debit) = (normal_side = 1) THEN amount ELSE -amount END,
         seq = seq + 1, last_transfer = nextval('batch_id')
   WHERE org_id = book AND id = greatest(debit, credit) AND debit <> credit
     AND state = 1 AND amount BETWEEN 1 AND 1000000000000000 AND abs(posted) <= 3999000000000000000
     AND CASE WHEN (id = debit) = (normal_side = 1)
              THEN max_balance IS NULL OR posted + amount + held_in <= max_balance
              ELSE min_available IS NULL OR posted - amount - held_out >= min_available END
  RETURNING id, new.posted, old.posted AS was, new.seq, new.currency, due_at, old.last_transfer,
            new.last_transfer AS drawn
    INTO high;
  IF FOUND THEN
    first_id := high.drawn;
    UPDATE account
       SET posted = posted + CASE WHEN (id = debit) = (normal_side = 1) THEN amount ELSE -amount END,
           seq = seq + 1, last_transfer = post_one.first_id
     WHERE org_id = book AND id = least(debit, credit) AND currency = high.currency
     AND state = 1 AND amount BETWEEN 1 AND 1000000000000000 AND abs(posted) <= 3999000000000000000
     AND CASE WHEN (id = debit) = (normal_side = 1)
              THEN max_balance IS NULL OR posted + amount + held_in <= max_balance
              ELSE min_available IS NULL OR posted - amount - held_out >= min_available END
    RETURNING id, new.posted, old.posted AS was, new.seq, new.currency, due_at, old.last_transfer INTO low;
    IF FOUND THEN
      -- After both locks: a period just closed, what has become due, and a twin that won the race, are
      -- seen here.
      INSERT INTO transfer (id, debit_account, credit_account, amount_minor, debit_seq, credit_seq,
                            debit_balance, credit_balance, debit_previous, credit_previous, posted_at,
                            effective, org_id, currency, kind, journal)
      SELECT post_one.first_id, debit, credit, amount,
             CASE WHEN debit < credit THEN low.seq ELSE high.seq END,
             CASE WHEN debit < credit THEN high.seq ELSE low.seq END,
             CASE WHEN debit < credit THEN low.posted ELSE high.posted END,
             CASE WHEN debit < credit THEN high.posted ELSE low.posted END,
             CASE WHEN debit < credit THEN low.last_transfer ELSE high.last_transfer END,
             CASE WHEN debit < credit THEN high.last_transfer ELSE low.last_transfer END,
             clock_timestamp(), its_effective, book, low.currency, its_kind, key
        FROM book b
       WHERE b.org_id = post_one.book AND b.state = 1 AND low.seq % 64 <> 0 AND high.seq % 64 <> 0
         AND (least(low.due_at, high.due_at) > clock_timestamp()) IS NOT FALSE
         AND its_effective BETWEEN greatest(b.soft_closed_through + 1, '2000-01-01')
                               AND (clock_timestamp() AT TIME ZONE 'Asia/Tashkent')::date + 366
         AND NOT EXISTS (SELECT FROM journal j WHERE j.org_id = post_one.book AND j.journal = key);
      IF FOUND THEN
        INSERT INTO unsealed (batch, org_id, journals) VALUES (post_one.first_id, book, ARRAY[key]);
        IF its_doc IS NULL THEN
          INSERT INTO journal (batch, first_id, org_id, outcome, transfers, place, journal, request_hash, commitment)
          VALUES (post_one.first_id, post_one.first_id, book, 1, 1, 0, key, hash, '');
        ELSE
          its_salt := gen_random_uuid();
          INSERT INTO journal (batch, first_id, org_id, outcome, transfers, place, journal, request_hash, commitment)
          VALUES (post_one.first_id, post_one.first_id, book, 1, 1, 0, key, hash, commitment(its_salt, its_doc::jsonb));
          INSERT INTO journal_doc (org_id, journal, salt, doc) VALUES (book, key, its_salt, its_doc::jsonb);
        END IF;
        RETURN;
      END IF;
      UPDATE account SET posted = low.was, seq = low.seq - 1, last_transfer = low.last_transfer
       WHERE org_id = book AND id = low.id;
    END IF;
    UPDATE account SET posted = high.was, seq = high.seq - 1, last_transfer = high.last_transfer
     WHERE org_id = book AND id = high.id;
  END IF;
  SELECT p.first_id, p.outcomes, p.first_ids, p.replayed
    INTO first_id, outcomes, first_ids, replayed
    FROM post(book, CASE WHEN debit = credit THEN ARRAY[debit]
                         ELSE ARRAY[least(debit, credit), greatest(debit, credit)] END,
              ARRAY[key], ARRAY[hash], ARRAY[its_kind], ARRAY[its_effective], ARRAY[1::smallint],
              ARRAY[its_doc], ARRAY[CASE WHEN debit <= credit THEN 1 ELSE 2 END],
              ARRAY[CASE WHEN credit <= debit THEN 1 ELSE 2 END], ARRAY[amount]) AS p;
END $$;
