-- How trees grow. Hashing trees and signing heads is Python's (ledger/evidence); what it found is
-- written by these functions alone, and they let nothing shrink, be sealed twice, or be left out.

-- Open the books of an organisation, and their tree.
CREATE OR REPLACE FUNCTION ledger.open_book(for_org integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ledger, pg_temp
BEGIN ATOMIC
  INSERT INTO ledger.book (org_id) VALUES (for_org) ON CONFLICT DO NOTHING;
  INSERT INTO ledger.tree (org_id, size, root) VALUES (for_org, 0, sha256('')) ON CONFLICT DO NOTHING;
END;

-- What waits in a book, up to `most` journals: the calls of the writer, and the hashes of their leaves in
-- the order in which they are sealed. NULL when another sealer is at this book, or nothing waits. The
-- tree stays locked until the transaction ends.
--
-- Order is the calls' own: each drew its number under the locks of its accounts, so of two calls that
-- touched an account the earlier has the lower one, and is committed by the time the later is seen. A
-- call that commits late simply waits in the queue until it is there.
CREATE FUNCTION ledger.next_to_seal(
  book integer, most integer,
  OUT size bigint, OUT batches bigint[], OUT journals bigint, OUT leaf_hashes bytea
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  SELECT t.size INTO next_to_seal.size FROM tree t
   WHERE t.org_id = next_to_seal.book FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- A statement of its own: it sees what was committed before the lock was taken.
  WITH waiting AS (
    SELECT u.batch, u.journals FROM unsealed u
     WHERE u.org_id = next_to_seal.book ORDER BY u.batch LIMIT most),
  taken AS MATERIALIZED (
    SELECT w.batch, w.journals
      FROM (SELECT *, sum(cardinality(journals)) OVER (ORDER BY batch) AS through FROM waiting) w
     WHERE w.through - cardinality(w.journals) < most)
  SELECT (SELECT array_agg(batch ORDER BY batch) FROM taken),
         (SELECT sum(cardinality(journals)) FROM taken),
         (SELECT string_agg(sha256('\x00' || l.bytes), '' ORDER BY w.batch, k.place)
            FROM taken w
           CROSS JOIN LATERAL unnest(w.journals) WITH ORDINALITY AS k (journal, place)
            JOIN leaf l ON l.org_id = next_to_seal.book AND l.journal = k.journal)
    INTO next_to_seal.batches, next_to_seal.journals, next_to_seal.leaf_hashes;
END $$;

-- Write down what a tree has gained. Each level must go on where it ended.
CREATE FUNCTION ledger.grow_tree(
  log integer, old_size bigint, new_size bigint, new_root bytea,
  levels smallint[], firsts bigint[], pieces bytea[]
) RETURNS void LANGUAGE plpgsql SET search_path = ledger, pg_temp AS $$
BEGIN
  UPDATE tree SET size = new_size, root = new_root
   WHERE org_id = log AND size = old_size AND new_size > old_size;
  IF NOT FOUND OR EXISTS (
    SELECT FROM generate_series(0, 7) AS l (level)
      LEFT JOIN (SELECT w.level, min(w.first) AS first, sum(octet_length(w.hashes)) / 32 AS gained
                   FROM unnest(levels, firsts, pieces) AS w (level, first, hashes)
                  GROUP BY w.level) p ON p.level = l.level
     WHERE (coalesce(p.first, old_size >> 8 * l.level), coalesce(p.gained, 0))
           <> (old_size >> 8 * l.level, (new_size >> 8 * l.level) - (old_size >> 8 * l.level)))
  THEN
    RAISE EXCEPTION 'the tree of log % does not grow from % to % so', log, old_size, new_size
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  INSERT INTO tile (org_id, level, first, hashes)
  SELECT log, w.level, w.first, w.hashes FROM unnest(levels, firsts, pieces) AS w (level, first, hashes);
END $$;

-- Take calls out of the queue and number their leaves from `first_leaf` on; how many calls and journals
-- they were. A hash join by force: with a plan made while the queue was empty every row of it would be
-- compared with every call.
CREATE FUNCTION ledger.leave_queue(
  book integer, its_batches bigint[], its_first_leaf bigint, OUT calls bigint, OUT leaves bigint
) LANGUAGE sql SET search_path = ledger, pg_temp SET enable_nestloop = off
AS $$
  WITH gone AS (
    DELETE FROM unsealed u USING unnest(its_batches) AS w (batch)
     WHERE u.org_id = book AND u.batch = w.batch
    RETURNING u.batch, cardinality(u.journals) AS journals),
  sealed AS (
    INSERT INTO sealed_batch (org_id, batch, first_leaf, journals)
    SELECT book, g.batch,
           its_first_leaf + sum(g.journals) OVER (ORDER BY g.batch) - g.journals, g.journals
      FROM gone g
    RETURNING journals)
  SELECT count(*), sum(journals) FROM sealed
$$;

-- Seal calls of the writer: their journals are the leaves by which the tree has grown. Their transfers
-- are folded into the totals of their days in the same transaction.
CREATE FUNCTION ledger.seal(
  book integer, batches bigint[], old_size bigint, new_size bigint, new_root bytea,
  levels smallint[], firsts bigint[], pieces bytea[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  left_queue record;
BEGIN
  PERFORM grow_tree(book, old_size, new_size, new_root, levels, firsts, pieces);
  SELECT * INTO left_queue FROM leave_queue(book, batches, old_size);
  IF (left_queue.calls, left_queue.leaves)
     IS DISTINCT FROM (cardinality(batches)::bigint, new_size - old_size) THEN
    RAISE EXCEPTION 'of % calls % are in the queue, with % journals',
        cardinality(batches), left_queue.calls, left_queue.leaves
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  PERFORM fold_days(book, batches);
END $$;

-- Whether a national head was signed so lately; by the database's clock, since workers' clocks may differ.
CREATE FUNCTION ledger.signed_within(its_seconds integer) RETURNS boolean
LANGUAGE sql SET search_path = ledger, pg_temp
AS $$
  SELECT coalesce((SELECT h.at > clock_timestamp() - make_interval(secs => its_seconds)
                     FROM tree_head h WHERE h.org_id = 0 ORDER BY h.size DESC LIMIT 1), false)
$$;

-- The national tree, locked, and the books whose heads are to be signed now: they have grown, and nobody
-- has signed anything for a while. Those that waited longest come first. No row while another worker is
-- at it, or when nothing is due.
CREATE FUNCTION ledger.heads_due(every_seconds integer, most integer)
RETURNS TABLE (org_id integer, size bigint, root bytea, national_size bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  national bigint;
BEGIN
  -- Asked before the lock too, which costs a write: mostly nothing is due.
  IF signed_within(every_seconds) OR NOT EXISTS (
    SELECT FROM tree t WHERE t.org_id <> 0
       AND t.size > coalesce((SELECT max(h.size) FROM tree_head h WHERE h.org_id = t.org_id), 0))
  THEN
    RETURN;
  END IF;
  SELECT t.size INTO national FROM tree t WHERE t.org_id = 0 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND OR signed_within(every_seconds) THEN
    RETURN;
  END IF;
  RETURN QUERY
  SELECT t.org_id, t.size, t.root, national
    FROM tree t
    LEFT JOIN LATERAL (SELECT h.size, h.at FROM tree_head h WHERE h.org_id = t.org_id
                        ORDER BY h.size DESC LIMIT 1) last ON true
   WHERE t.org_id <> 0 AND t.size > coalesce(last.size, 0)
   ORDER BY last.at NULLS FIRST, t.org_id
   LIMIT most;
END $$;

-- Keep signed heads of books, each a leaf of the national tree in this order, and the national head over
-- them. A head is of a tree as it is or was, and larger than the one before it.
CREATE FUNCTION ledger.publish_heads(
  keys text[], orgs integer[], sizes bigint[], roots bytea[], notes text[],
  old_size bigint, new_root bytea, national_note text,
  levels smallint[], firsts bigint[], pieces bytea[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = ledger, pg_temp AS $$
DECLARE
  new_size CONSTANT bigint := old_size + cardinality(orgs);
BEGIN
  PERFORM grow_tree(0, old_size, new_size, new_root, levels, firsts, pieces);
  INSERT INTO signing_key (org_id, key) SELECT 0, unnest(keys) ON CONFLICT DO NOTHING;
  IF EXISTS (
    SELECT FROM unnest(orgs, sizes) AS w (org, size)
      LEFT JOIN tree t ON t.org_id = w.org AND t.org_id <> 0
     WHERE coalesce(t.size < w.size, true)
        OR EXISTS (SELECT FROM tree_head h WHERE h.org_id = w.org AND h.size >= w.size))
  THEN
    RAISE EXCEPTION 'a head is larger than its tree, or not larger than the one before'
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  INSERT INTO tree_head (org_id, size, root, note, national_leaf)
  SELECT w.org, w.size, w.root, w.note, old_size + w.place - 1
    FROM unnest(orgs, sizes, roots, notes) WITH ORDINALITY AS w (org, size, root, note, place)
  UNION ALL
  SELECT 0, new_size, new_root, national_note, NULL;
END $$;
