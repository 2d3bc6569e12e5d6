-- name: keep_notices(keys, kinds, items, received_ats, event_codes, names)!
-- An array of arrays cannot be ragged, so the names of a notice come joined by a space.
INSERT INTO notice (key, kind, item, received_at, event_code, names)
SELECT key, kind, item, received_at, event_code, string_to_array(joined, ' ')
FROM unnest(:keys::bytea[], :kinds::text[], :items::bytea[], :received_ats::timestamptz[],
            :event_codes::text[], :names::text[])
    AS came (key, kind, item, received_at, event_code, joined)
ON CONFLICT (key) DO NOTHING;

-- name: take_unread(most)
-- Taken by one reader until its transaction ends; another reader takes the next ones.
SELECT id, kind, item FROM notice WHERE state = 'unread' ORDER BY id LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: take_one(id)^
SELECT id, kind, item FROM notice WHERE id = :id AND state = 'unread' FOR UPDATE SKIP LOCKED;

-- name: settle(ids, states, payment_ids, errors, now)!
UPDATE notice
SET state = settled.state, payment_id = settled.payment_id, error = settled.error, read_at = :now
FROM unnest(:ids::bigint[], :states::text[], :payment_ids::text[], :errors::text[])
    AS settled (id, state, payment_id, error)
WHERE notice.id = settled.id;

-- name: notices(state, most)
SELECT id, state, event_code, names, payment_id, error, received_at, read_at
FROM notice WHERE state = :state ORDER BY id LIMIT :most;

-- name: replay(ids)
UPDATE notice SET state = 'unread', error = ''
WHERE id = ANY (:ids::bigint[]) AND state NOT IN ('unread', 'read') RETURNING id;

-- name: count_by_state()
SELECT state, count(*) AS notices FROM notice GROUP BY state;
