-- name: keep_notices(keys, kinds, items, received_ats, event_dates, event_codes, names, are_live)
-- `names` has one text for each notice: its pspReferences, joined by spaces, because PostgreSQL has
-- no array of arrays of unequal length.
INSERT INTO notice (key, kind, item, received_at, event_date, event_code, names, is_live)
SELECT key, kind, item, received_at, event_date, event_code, string_to_array(joined, ' '), is_live
FROM unnest(:keys::bytea[], :kinds::text[], :items::bytea[], :received_ats::timestamptz[],
            :event_dates::timestamptz[], :event_codes::text[], :names::text[],
            :are_live::boolean[])
    AS came (key, kind, item, received_at, event_date, event_code, joined, is_live)
ON CONFLICT (key) DO NOTHING
RETURNING id, key;

-- name: queue_for_relay(notice_ids, signatures)!
INSERT INTO relay (notice_id, signature)
SELECT notice_id, signature
FROM unnest(:notice_ids::bigint[], :signatures::text[])
    WITH ORDINALITY AS added (notice_id, signature, position)
ORDER BY position;

-- name: take_unread(most, most_bytes)
-- A reader locks notices until its transaction ends, and another reader locks the following
-- notices. To bound a reader's memory, the statement returns only as many notices as fit into
-- `most_bytes`, but always the first one.
WITH taken AS (
    SELECT id, kind, item, is_live FROM notice WHERE state = 'unread' ORDER BY id LIMIT :most
    FOR UPDATE SKIP LOCKED
), measured AS (
    SELECT taken.*, sum(octet_length(item)) OVER (ORDER BY id) - octet_length(item) AS before
    FROM taken
)
SELECT id, kind, item, is_live FROM measured WHERE before < :most_bytes ORDER BY id;

-- name: take_some(ids)
SELECT id, kind, item, is_live FROM notice WHERE id = ANY (:ids::bigint[]) AND state = 'unread'
ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: settle(ids, states, payment_ids, errors, are_unclaimed, paid_references, now)!
-- Writes the results of reading notices. If no payment owns a notice's pspReferences, a
-- `look_after` of 0 makes recheck_unclaimed check the notice again. A notice that the relay skipped
-- because it was foreign is relayed after all if it may belong to a payment of Kasir's.
WITH settled AS (
    SELECT * FROM unnest(:ids::bigint[], :states::text[], :payment_ids::text[], :errors::text[],
                         :are_unclaimed::boolean[], :paid_references::text[])
        AS settled (id, state, payment_id, error, is_unclaimed, paid_reference)
), ours AS (
    UPDATE relay SET state = 'waiting', settled_at = NULL
    FROM settled
    WHERE relay.notice_id = settled.id AND relay.state = 'skipped'
          AND settled.state IN ('read', 'held', 'waiting')
)
UPDATE notice
SET state = settled.state, payment_id = settled.payment_id, error = settled.error, read_at = :now,
    paid_reference = settled.paid_reference,
    look_after = CASE WHEN settled.is_unclaimed THEN xid8 '0' END
FROM settled
WHERE notice.id = settled.id;

-- name: recheck_unclaimed(most)!
-- A transaction that claims a pspReference marks the notices with that pspReference unread
-- (mark_unread). That transaction does not see a notice that a reader settles at the same time, and
-- the reader does not see the claim. So each unclaimed notice is checked again after all
-- transactions that ran at the same time have ended. The first run of this statement stores the id
-- of the next transaction in `look_after`. A later run checks the notice once all transactions with
-- smaller ids have ended. No clock is involved. In the meantime mark_unread can find the notice
-- too.
WITH due AS (
    SELECT id FROM notice
    WHERE look_after <= pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY look_after LIMIT :most
    FOR UPDATE SKIP LOCKED
)
UPDATE notice
SET look_after = CASE WHEN look_after = '0' THEN pg_snapshot_xmax(pg_current_snapshot()) END,
    state = CASE WHEN look_after > '0' AND state IN ('waiting', 'foreign', 'held') AND EXISTS (
        SELECT FROM psp_reference WHERE name = ANY (names)
    ) THEN 'unread' ELSE state END
FROM due
WHERE notice.id = due.id;

-- name: notices(before, most)
SELECT id, kind, item, names, state, event_code, payment_id, error, received_at
FROM notice WHERE id < :before ORDER BY id DESC LIMIT :most;

-- name: notices_in_state(state, before, most)
-- Separate from `notices`, so that the planner can use the index on states.
SELECT id, kind, item, names, state, event_code, payment_id, error, received_at
FROM notice WHERE state = :state AND id < :before ORDER BY id DESC LIMIT :most;

-- name: notice(id)^
SELECT id, kind, item, names, state, event_code, payment_id, error, received_at
FROM notice WHERE id = :id;

-- name: held()
SELECT id FROM notice WHERE state = 'held';

-- name: states(ids)
SELECT id, state FROM notice WHERE id = ANY (:ids::bigint[]) ORDER BY id;

-- name: replay(ids)
UPDATE notice SET state = 'unread', error = ''
WHERE id IN (
    SELECT id FROM notice WHERE id = ANY (:ids::bigint[]) AND state NOT IN ('unread', 'read')
    ORDER BY id FOR UPDATE
)
RETURNING id;

-- name: mark_unread(names)!
-- A payment owns these pspReferences now, so notices with them may belong to it. Rows are locked in
-- the order of their ids, so that two transactions that lock several never deadlock.
UPDATE notice SET state = 'unread'
WHERE id IN (
    SELECT id FROM notice
    WHERE state IN ('waiting', 'foreign', 'held') AND payment_id IS NULL
          AND names && :names::text[]
    ORDER BY id FOR UPDATE
);
