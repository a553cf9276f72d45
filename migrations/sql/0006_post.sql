-- The one writer of the ledger. It takes the journals of one book, in order, decides each against
-- the accounts as the ones before it left them, writes what it accepts, and answers a code per
-- journal (ledger/transfers.py, class Outcome). A refusal is a value; only a fault raises.
--
-- Order inside: lock the accounts by id (no deadlock), let what is due happen (holds that expire,
-- limits that begin), recognise repeats, decide, write. Everything that changes an account waits for
-- its row lock, so what is read after the locks stays true until this transaction ends: holds,
-- reversals and closed days need no locks of their own.
--
-- When every journal was posted just now, the answer is `first_id` alone: ids run on from it, a
-- journal's after those of the one before. Else the arrays say it for each journal.
CREATE FUNCTION ledger.post(
  book integer,              -- org_id
  accounts bigint[],         -- distinct account ids, ascending
  -- of each journal:
  journals uuid[],           -- its permanent key
  hashes bytea[],            -- of its whole request: the same key with another body is a conflict
  kinds smallint[],
  effectives date[],
  sizes smallint[],          -- how many lines it has
  docs text[],               -- JSON, kept beside the journal; only its commitment is sealed
  -- of each line:
  debits integer[],          -- place in accounts
  credits integer[],
  amounts bigint[],          -- minor units; of a release NULL means all that is left
  -- of each line, or NULL when every line simply moves money:
  actions smallint[] DEFAULT NULL,     -- 1 move, 2 hold, 3 capture, 4 capture and release the rest,
                                       -- 5 release, 6 reverse
  hold_keys uuid[] DEFAULT NULL,       -- of actions 2 to 5
  expiries timestamptz[] DEFAULT NULL, -- of action 2; NULL: never
  originals bigint[] DEFAULT NULL,     -- of action 6: the transfer taken back
  OUT first_id bigint, OUT outcomes smallint[], OUT first_ids bigint[], OUT replayed boolean[]
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
-- Plans by shape, never by the values of a call or by statistics: planning anew costs more than a
-- posting, and a plan made while a table was empty would read all of it when it is not.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  n integer := cardinality(journals);
  m integer := cardinality(amounts);
  special boolean := actions IS NOT NULL;
  posting_at timestamptz;
  today date;
  next_id bigint;
  -- accounts, by place
  rows tid[]; balance bigint[]; kept_out bigint[]; kept_in bigint[]; sequence bigint[];
  previous bigint[]; least bigint[]; most bigint[]; side smallint[]; state smallint[];
  money smallint[]; due_first timestamptz;
  -- the book
  book_state smallint; closed date; soft_closed date;
  -- keys met before: in the database, or earlier in this call
  known integer; old_code smallint[]; old_first bigint[]; old_hash bytea[]; met integer[];
  -- holds and originals, by line: their place among those that this call names
  held hold[]; hold_of integer[]; h hold;
  taken original[]; taken_of integer[]; o original;
  kept bigint[];             -- by how much a line changed what is held
  -- decided, by journal
  code smallint[] := array_fill(1::smallint, ARRAY[n]);
  first bigint[] := array_fill(NULL::bigint, ARRAY[n]);
  again boolean[] := array_fill(false, ARRAY[n]);
  fresh boolean[] := array_fill(true, ARRAY[n]);
  counts smallint[] := array_fill(0::smallint, ARRAY[n]);
  salts uuid[];
  carried date[] := array_fill(NULL::date, ARRAY[n]);
  -- decided, by line
  of_journal integer[] := array_fill(0, ARRAY[m]);
  ids bigint[] := array_fill(NULL::bigint, ARRAY[m]);
  debit_seqs bigint[] := array_fill(0::bigint, ARRAY[m]);
  credit_seqs bigint[] := array_fill(0::bigint, ARRAY[m]);
  debit_balances bigint[] := array_fill(0::bigint, ARRAY[m]);
  credit_balances bigint[] := array_fill(0::bigint, ARRAY[m]);
  debit_previous bigint[] := array_fill(0::bigint, ARRAY[m]);
  credit_previous bigint[] := array_fill(0::bigint, ARRAY[m]);
  -- of the loop
  verdict smallint; reached integer := 0; start integer; last integer; effective date;
  d integer; c integer; amount bigint; action smallint := 1; keep bigint := 0;
  plain boolean := true; landmarks boolean := false; block bigint; before bigint;
BEGIN
  -- Of one size, one dimension, and counted from 1: what is decided by place is written in order.
  IF (n BETWEEN 1 AND 8192 AND m <= 8192 AND 0 <= ALL (sizes)
      AND '[1:' || n || ']' = ALL (ARRAY[array_dims(journals), array_dims(hashes), array_dims(kinds),
            array_dims(effectives), array_dims(sizes), coalesce(array_dims(docs), array_dims(journals))])
      AND (m = 0 OR '[1:' || m || ']' = ALL (ARRAY[array_dims(debits), array_dims(credits),
                                                   array_dims(amounts)]))
      AND (special OR num_nonnulls(hold_keys, expiries, originals) = 0)
      AND (m = 0 OR NOT special
           OR '[1:' || m || ']' = ALL (ARRAY[array_dims(actions), array_dims(hold_keys),
                                             array_dims(expiries), array_dims(originals)])))
     IS NOT TRUE
  THEN
    RAISE EXCEPTION 'ledger.post: arrays do not agree' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR i IN 2 .. coalesce(cardinality(accounts), 0) LOOP
    IF (accounts[i] > accounts[i - 1]) IS NOT TRUE THEN
      RAISE EXCEPTION 'ledger.post: accounts are not distinct and ascending'
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
  END LOOP;
  IF special AND EXISTS (
    SELECT FROM unnest(actions, hold_keys, originals) AS w (action, hold, original)
     WHERE (w.action BETWEEN 1 AND 6 AND (w.hold IS NULL OR w.action BETWEEN 2 AND 5)
            AND (w.original IS NULL OR w.action = 6)) IS NOT TRUE)
  THEN
    RAISE EXCEPTION 'ledger.post: a line says what its action does not do'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;

  SELECT array_agg(a.ctid), array_agg(a.posted), array_agg(a.held_out), array_agg(a.held_in),
         array_agg(a.seq), array_agg(a.last_transfer), array_agg(a.min_available),
         array_agg(a.max_balance), array_agg(a.normal_side), array_agg(a.state),
         array_agg(a.currency), min(a.due_at)
    INTO rows, balance, kept_out, kept_in, sequence, previous, least, most, side, state, money, due_first
    FROM (SELECT a.ctid, a.* FROM account a WHERE a.org_id = book AND a.id = ANY (accounts)
           ORDER BY a.id FOR NO KEY UPDATE) a;
  posting_at := clock_timestamp();
  today := (posting_at AT TIME ZONE 'Asia/Tashkent')::date;
  IF due_first <= posting_at OR cardinality(rows) IS DISTINCT FROM cardinality(accounts) THEN
    IF due_first <= posting_at THEN
      PERFORM let_due_happen(book, accounts, posting_at);
    END IF;
    -- An id that is not there gets NULLs, which the loop refuses.
    SELECT array_agg(a.ctid), array_agg(a.posted), array_agg(a.held_out), array_agg(a.held_in),
           array_agg(a.seq), array_agg(a.last_transfer), array_agg(a.min_available),
           array_agg(a.max_balance), array_agg(a.normal_side), array_agg(a.state),
           array_agg(a.currency)
      INTO rows, balance, kept_out, kept_in, sequence, previous, least, most, side, state, money
      FROM (SELECT a.* FROM unnest(accounts) WITH ORDINALITY AS w (id, place)
              LEFT JOIN LATERAL (SELECT x.ctid, x.* FROM account x WHERE x.org_id = book AND x.id = w.id
                                 OFFSET 0) a ON true
             ORDER BY w.place) a;
  END IF;

  -- Read after the locks: a twin call that won the race, and a period just closed, are seen here.
  SELECT b.state, b.closed_through, b.soft_closed_through,
         (SELECT count(*) FROM journal j WHERE j.org_id = post.book AND j.journal = ANY (journals))
    INTO book_state, closed, soft_closed, known
    FROM book b WHERE b.org_id = post.book;
  IF book_state IS DISTINCT FROM 1 THEN
    RAISE EXCEPTION 'ledger.post: book % is not open', book
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF known > 0 THEN
    SELECT array_agg(j.outcome ORDER BY w.i), array_agg(j.first_id ORDER BY w.i),
           array_agg(j.request_hash ORDER BY w.i)
      INTO old_code, old_first, old_hash
      FROM unnest(journals) WITH ORDINALITY AS w (key, i)
      -- OFFSET 0: looked up one by one; a join chosen while the table was small might read all of it.
      LEFT JOIN LATERAL (SELECT * FROM journal x WHERE x.org_id = post.book AND x.journal = w.key
                         OFFSET 0) j ON true;
  END IF;
  IF n > 1 AND n <> (SELECT count(DISTINCT k) FROM unnest(journals) AS k) THEN
    SELECT array_agg(w.first ORDER BY w.i) INTO met
      FROM (SELECT i, min(i) OVER (PARTITION BY key) AS first
              FROM unnest(journals) WITH ORDINALITY AS w (key, i)) w;
  END IF;
  IF special THEN
    SELECT f.holds, f.hold_of, f.originals_now, f.original_of INTO held, hold_of, taken, taken_of
      FROM find_lines(book, hold_keys, originals) AS f;
    kept := array_fill(0::bigint, ARRAY[m]);
  END IF;
  block := nextval('batch_id');
  next_id := block;

  FOR i IN 1 .. n LOOP
    start := reached + 1;
    before := next_id;
    reached := reached + sizes[i];
    effective := effectives[i];
    verdict := CASE WHEN old_code[i] IS NOT NULL THEN CASE WHEN old_hash[i] = hashes[i] THEN -1 ELSE -2 END
                    WHEN met[i] < i THEN CASE WHEN hashes[met[i]] = hashes[i] THEN -3 ELSE -2 END
                    WHEN effective BETWEEN '2000-01-01' AND today + 366 THEN 1
                    ELSE 12 END;
    IF verdict < 0 THEN  -- the key was met before: its answer stands, another body under it is refused
      fresh[i] := false;
      again[i] := verdict <> -2;
      code[i] := CASE verdict WHEN -1 THEN old_code[i] WHEN -3 THEN code[met[i]] ELSE 2 END;
      first[i] := CASE verdict WHEN -1 THEN old_first[i] WHEN -3 THEN first[met[i]] END;
      plain := false;
      CONTINUE;
    END IF;
    IF effective <= soft_closed OR sizes[i] < 1 THEN
      SELECT CASE WHEN verdict <> 1 THEN verdict
                  WHEN sizes[i] < 1 AND NOT k.memo THEN 21
                  WHEN effective <= soft_closed AND NOT k.carries
                       AND (effective <= closed OR NOT k.adjusts) THEN 11
                  ELSE 1 END,
             CASE WHEN effective <= soft_closed AND k.carries
                       AND NOT (k.adjusts AND coalesce(effective > closed, true))
                  THEN soft_closed + 1 ELSE effective END
        INTO STRICT verdict, effective
        FROM journal_kind k WHERE k.kind = kinds[i];
      IF effective <> effectives[i] THEN
        carried[i] := effectives[i];
        effectives[i] := effective;
      END IF;
    END IF;

    last := start - 1;
    FOR j IN start .. reached LOOP
      EXIT WHEN verdict <> 1;
      d := debits[j]; c := credits[j]; amount := amounts[j];
      IF special THEN
        action := actions[j]; h := held[hold_of[j]]; o := taken[taken_of[j]];
        amount := CASE WHEN action = 5 AND amount IS NULL
                       THEN h.amount_minor - h.captured_minor - h.released_minor ELSE amount END;
        keep := CASE action WHEN 2 THEN amount
                            WHEN 4 THEN h.captured_minor + h.released_minor - h.amount_minor
                            WHEN 3 THEN -amount WHEN 5 THEN -amount ELSE 0 END;
      END IF;
      verdict := CASE
        WHEN state[d] IS NULL OR state[c] IS NULL THEN 3
        WHEN d = c THEN 4
        WHEN amount IS NULL OR amount NOT BETWEEN 1 AND 1000000000000000 THEN
          CASE WHEN action = 5 AND amount IS NULL THEN 13 WHEN action = 5 AND amount = 0 THEN 14 ELSE 5 END
        WHEN money[d] <> money[c] THEN 6
        WHEN (state[d] <> 1 OR state[c] <> 1) AND action <> 5 AND (
               state[d] IN (2, 4) OR state[c] IN (2, 4) OR action = 2
               -- a closing account takes only what brings it to zero
               OR (state[d] = 3 AND balance[d] * side[d] > -amount)
               OR (state[c] = 3 AND balance[c] * side[c] < amount)) THEN 7
        -- What is over the bound, of balances as of sums held, may still come back.
        WHEN CASE WHEN action IN (2, 5) THEN
               action = 2 AND amount + greatest(kept_out[d], kept_in[d], kept_out[c], kept_in[c])
                              > 4000000000000000000
             ELSE balance[d] * side[d] > 4000000000000000000 - amount
               OR balance[c] * side[c] < amount - 4000000000000000000 END THEN 8
        WHEN action BETWEEN 2 AND 5 AND NOT (action = 2 AND h.state IS NULL) THEN CASE
          WHEN action = 2 THEN 17
          WHEN h.state IS NULL THEN 13
          WHEN h.debit_account <> accounts[d] OR h.credit_account <> accounts[c] THEN 20
          WHEN h.state = 2 THEN 14
          WHEN h.state = 3 OR h.expires_at <= posting_at THEN 15
          WHEN amount > h.amount_minor - h.captured_minor - h.released_minor THEN 16
          -- What was held was decided when it was held: no limit is asked again.
          ELSE 1 END
        WHEN action = 2 AND (hold_keys[j] IS NULL OR expiries[j] <= posting_at) THEN 15
        WHEN action = 6 AND o.amount_minor IS NULL THEN 18
        WHEN action = 6 AND (o.debit_account <> accounts[c] OR o.credit_account <> accounts[d]) THEN 20
        WHEN action = 6 AND amount > o.amount_minor - o.reversed_minor THEN 19
        -- A limit refuses only a movement towards it: an account beyond its limit can still recover.
        WHEN side[d] = -1 AND balance[d] - amount - kept_out[d] < least[d] THEN 9
        WHEN side[c] = 1 AND balance[c] - amount - kept_out[c] < least[c] THEN 9
        WHEN side[d] = 1 AND balance[d] + amount + kept_in[d] > most[d] THEN 10
        WHEN side[c] = -1 AND balance[c] + amount + kept_in[c] > most[c] THEN 10
        ELSE 1 END;
      EXIT WHEN verdict <> 1;

      last := j;
      of_journal[j] := i;
      IF special THEN
        IF keep <> 0 THEN
          kept[j] := keep;
          IF side[d] = 1 THEN kept_in[d] := kept_in[d] + keep;
          ELSE kept_out[d] := kept_out[d] + keep; END IF;
          IF side[c] = 1 THEN kept_out[c] := kept_out[c] + keep;
          ELSE kept_in[c] := kept_in[c] + keep; END IF;
          IF action = 2 THEN
            h := ROW(book, hold_keys[j], accounts[d], accounts[c], amount, 0, 0, expiries[j],
                     money[d], 1, false, false);
          ELSIF action = 5 THEN
            h.released_minor := h.released_minor + amount;
          ELSE
            h.captured_minor := h.captured_minor + amount;
            h.released_minor := h.released_minor - keep - amount;
          END IF;
          h.debit_free := h.captured_minor + h.released_minor = h.amount_minor;
          h.credit_free := h.debit_free;
          h.state := CASE WHEN h.debit_free THEN 2 ELSE 1 END;
          held[hold_of[j]] := h;
        ELSIF action = 6 THEN
          o.reversed_minor := o.reversed_minor + amount;
          taken[taken_of[j]] := o;
        END IF;
        CONTINUE WHEN action IN (2, 5);
      END IF;
      ids[j] := next_id;
      balance[d] := balance[d] + amount * side[d];
      balance[c] := balance[c] - amount * side[c];
      sequence[d] := sequence[d] + 1;
      sequence[c] := sequence[c] + 1;
      debit_seqs[j] := sequence[d];
      credit_seqs[j] := sequence[c];
      debit_balances[j] := balance[d];
      credit_balances[j] := balance[c];
      debit_previous[j] := previous[d];
      credit_previous[j] := previous[c];
      previous[d] := next_id;
      previous[c] := next_id;
      next_id := next_id + 1;
      landmarks := landmarks OR sequence[d] % 64 = 0 OR sequence[c] % 64 = 0;
    END LOOP;

    IF verdict = 1 THEN
      counts[i] := next_id - before;
      first[i] := CASE WHEN next_id > before THEN before END;
      CONTINUE;
    END IF;
    -- A journal is all or nothing: take its first lines back.
    plain := false;
    code[i] := verdict;
    next_id := before;
    FOR j IN REVERSE last .. start LOOP
      d := debits[j]; c := credits[j];
      of_journal[j] := 0;
      IF ids[j] IS NOT NULL THEN
        ids[j] := NULL;
        balance[d] := balance[d] - amounts[j] * side[d];
        balance[c] := balance[c] + amounts[j] * side[c];
        sequence[d] := sequence[d] - 1;
        sequence[c] := sequence[c] - 1;
        previous[d] := debit_previous[j];
        previous[c] := credit_previous[j];
      END IF;
      CONTINUE WHEN NOT special;
      keep := kept[j];
      h := held[hold_of[j]]; o := taken[taken_of[j]];
      IF keep <> 0 THEN
        kept[j] := 0;
        IF side[d] = 1 THEN kept_in[d] := kept_in[d] - keep;
        ELSE kept_out[d] := kept_out[d] - keep; END IF;
        IF side[c] = 1 THEN kept_out[c] := kept_out[c] - keep;
        ELSE kept_in[c] := kept_in[c] - keep; END IF;
        IF actions[j] = 2 THEN
          h := NULL;
        ELSIF actions[j] = 5 THEN
          h.released_minor := h.released_minor + keep;
        ELSE
          h.captured_minor := h.captured_minor - amounts[j];
          h.released_minor := h.released_minor + keep + amounts[j];
        END IF;
        IF actions[j] <> 2 THEN
          h.state := 1; h.debit_free := false; h.credit_free := false;
        END IF;
        held[hold_of[j]] := h;
      ELSIF actions[j] = 6 THEN
        o.reversed_minor := o.reversed_minor - amounts[j];
        taken[taken_of[j]] := o;
      END IF;
    END LOOP;
  END LOOP;
  IF reached <> m THEN
    RAISE EXCEPTION 'ledger.post: sizes do not add up' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  IF true = ANY (fresh) THEN
    INSERT INTO unsealed (batch, org_id, journals)
    SELECT block, post.book, array_agg(w.key ORDER BY w.i)
      FROM unnest(journals, fresh) WITH ORDINALITY AS w (key, fresh, i) WHERE w.fresh;
    salts := CASE WHEN docs IS NOT NULL THEN ARRAY(SELECT gen_random_uuid() FROM unnest(docs)) END;
    INSERT INTO journal (batch, first_id, org_id, outcome, transfers, place, journal, request_hash,
                         commitment)
    SELECT block, w.first, post.book, w.code, w.transfers, row_number() OVER () - 1, w.key, w.hash,
           CASE WHEN w.doc IS NULL THEN '' ELSE commitment(w.salt, w.doc::jsonb) END
      FROM unnest(journals, hashes, code, first, counts, docs, fresh, salts)
           AS w (key, hash, code, first, transfers, doc, fresh, salt)
     WHERE w.fresh;
    IF docs IS NOT NULL THEN
      INSERT INTO journal_doc (org_id, journal, salt, doc)
      SELECT post.book, w.key, w.salt, w.doc::jsonb
        FROM unnest(journals, docs, fresh, salts) AS w (key, doc, fresh, salt)
       WHERE w.fresh AND w.doc IS NOT NULL;
    END IF;
  END IF;
  IF next_id > block THEN
    INSERT INTO transfer (id, debit_account, credit_account, amount_minor, debit_seq, credit_seq,
                          debit_balance, credit_balance, debit_previous, credit_previous, posted_at,
                          effective, org_id, currency, kind, journal, carried_from, hold, reverses)
    SELECT w.id, accounts[w.d], accounts[w.c], w.amount, w.ds, w.cs, w.db, w.cb, w.dp, w.cp,
           posting_at, effectives[w.i], post.book, money[w.d], kinds[w.i], journals[w.i],
           carried[w.i], w.hold, w.original
      FROM unnest(debits, credits, amounts, debit_seqs, credit_seqs, debit_balances,
                  credit_balances, debit_previous, credit_previous, of_journal, ids, hold_keys, originals)
           AS w (d, c, amount, ds, cs, db, cb, dp, cp, i, id, hold, original)
     WHERE w.id IS NOT NULL;
    IF landmarks THEN
      INSERT INTO landmark (org_id, account, seq, transfer)
      SELECT post.book, accounts[w.a], w.seq, w.id
        FROM (SELECT unnest(debits) AS a, unnest(debit_seqs) AS seq, unnest(ids) AS id
              UNION ALL SELECT unnest(credits), unnest(credit_seqs), unnest(ids)) w
       WHERE w.seq % 64 = 0 AND w.id IS NOT NULL;
    END IF;
  END IF;
  IF next_id > block OR special THEN
    UPDATE account a
       SET posted = w.posted, seq = w.seq, last_transfer = w.last,
           held_out = w.kept_out, held_in = w.kept_in
      FROM unnest(rows, balance, sequence, previous, kept_out, kept_in)
           AS w (row, posted, seq, last, kept_out, kept_in)
     WHERE a.ctid = w.row
       AND (a.seq <> w.seq OR a.held_out <> w.kept_out OR a.held_in <> w.kept_in);
  END IF;
  IF special THEN
    PERFORM keep_lines(book, posting_at, accounts, journals, of_journal, sizes, debits, credits, amounts,
                       ids, actions, hold_keys, expiries, originals, kept, held, taken);
  END IF;
  IF plain AND NOT special THEN
    first_id := CASE WHEN next_id > block THEN block END;
  ELSE
    outcomes := code;
    first_ids := first;
    replayed := again;
  END IF;
END $$;
