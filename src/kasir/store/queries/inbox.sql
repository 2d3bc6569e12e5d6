-- name: keep_notices(keys, items, received_ats, event_codes, psp_references)!
INSERT INTO notice (key, item, received_at, event_code, psp_reference)
SELECT * FROM unnest(:keys::bytea[], :items::bytea[], :received_ats::timestamptz[],
                     :event_codes::text[], :psp_references::text[])
ON CONFLICT (key) DO NOTHING;

-- name: take_unread(most)
-- Taken by one reader until its transaction ends; another reader takes the next ones.
SELECT id, item FROM notice WHERE state = 'unread' ORDER BY id LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: take_one(id)^
SELECT id, item FROM notice WHERE id = :id AND state = 'unread' FOR UPDATE SKIP LOCKED;

-- name: settle(ids, states, payment_ids, errors, now)!
UPDATE notice
SET state = settled.state, payment_id = settled.payment_id, error = settled.error, read_at = :now
FROM unnest(:ids::bigint[], :states::text[], :payment_ids::text[], :errors::text[])
    AS settled (id, state, payment_id, error)
WHERE notice.id = settled.id;

-- name: wake_waiting(psp_references)!
-- It is now known whose attempt this is: what waited for that can be read.
UPDATE notice SET state = 'unread'
WHERE state = 'waiting' AND psp_reference = ANY (:psp_references::text[]);

-- name: count_by_state()
SELECT state, count(*) AS notices FROM notice GROUP BY state;
