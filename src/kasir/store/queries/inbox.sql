-- name: keep_notices(keys, kinds, items, received_ats, event_dates, event_codes, names, are_live)!
-- An array of arrays cannot be ragged, so the names of a notice come joined by a space.
INSERT INTO notice (key, kind, item, received_at, event_date, event_code, names, is_live)
SELECT key, kind, item, received_at, event_date, event_code, string_to_array(joined, ' '), is_live
FROM unnest(:keys::bytea[], :kinds::text[], :items::bytea[], :received_ats::timestamptz[],
            :event_dates::timestamptz[], :event_codes::text[], :names::text[],
            :are_live::boolean[])
    AS came (key, kind, item, received_at, event_date, event_code, joined, is_live)
ON CONFLICT (key) DO NOTHING;

-- name: take_unread(most, most_bytes)
-- Taken by one reader until its transaction ends; another reader takes the next ones. Of those only
-- as many are given as weigh so much, and always the first: how much memory it takes is known.
WITH taken AS (
    SELECT id, kind, item, is_live FROM notice WHERE state = 'unread' ORDER BY id LIMIT :most
    FOR UPDATE SKIP LOCKED
), weighed AS (
    SELECT taken.*, sum(octet_length(item)) OVER (ORDER BY id) - octet_length(item) AS before
    FROM taken
)
SELECT id, kind, item, is_live FROM weighed WHERE before < :most_bytes ORDER BY id;

-- name: take_some(ids)
SELECT id, kind, item, is_live FROM notice WHERE id = ANY (:ids::bigint[]) AND state = 'unread'
ORDER BY id FOR UPDATE SKIP LOCKED;

-- name: settle(ids, states, payment_ids, errors, unplaced, paid_references, now)!
-- News of a payment we cannot tell is looked at once more, see look_again.
UPDATE notice
SET state = settled.state, payment_id = settled.payment_id, error = settled.error, read_at = :now,
    paid_reference = settled.paid_reference,
    look_after = CASE WHEN settled.unplaced THEN xid8 '0' END
FROM unnest(:ids::bigint[], :states::text[], :payment_ids::text[], :errors::text[],
            :unplaced::boolean[], :paid_references::text[])
    AS settled (id, state, payment_id, error, unplaced, paid_reference)
WHERE notice.id = settled.id;

-- name: look_again(most)!
-- Whoever learns a name wakes what waits for it, but cannot see what a reader is putting aside at
-- that moment, nor can the reader see the name. So what was put aside is looked at once more, when
-- every transaction that ran beside has ended: first it is noted which those are, then waited for.
-- The names decide and no clock does. It stays to be woken all the while.
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
-- Apart from the one above, so that the planner sees a state it may have an index for.
SELECT id, kind, item, names, state, event_code, payment_id, error, received_at
FROM notice WHERE state = :state AND id < :before ORDER BY id DESC LIMIT :most;

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
