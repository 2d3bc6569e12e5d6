-- name: event(id)^
SELECT id, name, type, payload, tries FROM event WHERE id = :id AND due_at IS NOT NULL;

-- name: tried(id, at, status, error, is_taken, due_at)!
-- An event that another job delivered meanwhile stays delivered, whatever came of this try.
WITH kept AS (
    UPDATE event
    SET tries = tries + 1,
        due_at = :due_at::timestamptz,
        delivered_at = CASE WHEN :is_taken::boolean THEN :at::timestamptz END,
        given_up_at = CASE WHEN NOT :is_taken::boolean AND :due_at::timestamptz IS NULL
                           THEN :at::timestamptz END
    WHERE id = :id AND delivered_at IS NULL
)
INSERT INTO event_try (event_id, at, status, error)
VALUES (:id, :at::timestamptz, :status::integer, :error);

-- name: last_event()$
SELECT last_value FROM event_id_seq;

-- name: let_tellers_end()#
-- Waits for whoever has given out an id and not yet committed: see `add_events`.
SET LOCAL lock_timeout = '500ms';
SELECT pg_advisory_xact_lock(7597993);

-- name: events_after(after_name, last, most)
SELECT name, payload FROM event
WHERE id > COALESCE((SELECT id FROM event WHERE name = :after_name), 0) AND id <= :last
ORDER BY id LIMIT :most;

-- name: is_event(name)$
SELECT EXISTS (SELECT FROM event WHERE name = :name);

-- name: add_events(names, subjects, types, payloads, now, due_at)!
-- The lock is held until the transaction ends. Ids are given out before commits; whoever reads page
-- by page lets all who hold it end first, so that nothing appears behind what was read. It is taken
-- before the first id is given out: an id is a row's of this join, and the join waits for both.
WITH telling AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7597993))
INSERT INTO event (name, subject, type, payload, at, due_at)
SELECT news.*, :now::timestamptz, :due_at::timestamptz
FROM telling, unnest(:names::text[], :subjects::text[], :types::text[], :payloads::bytea[]) AS news;

-- name: waiting_events(most)
SELECT id, name, type, subject, at FROM event
WHERE due_at IS NOT NULL ORDER BY id DESC LIMIT :most;

-- name: given_up_events(most)
SELECT id, name, type, subject, at FROM event
WHERE given_up_at IS NOT NULL ORDER BY id DESC LIMIT :most;

-- name: delivered_events(most)
SELECT id, name, type, subject, at FROM event
WHERE delivered_at IS NOT NULL ORDER BY id DESC LIMIT :most;

-- name: tries_of(ids)
SELECT event_id, at, status, error FROM event_try
WHERE event_id = ANY (:ids::bigint[]) ORDER BY id;

-- name: last_try()^
SELECT at, status, error FROM event_try ORDER BY id DESC LIMIT 1;

-- name: resend(names, now)
-- Counts its tries from nothing again. What waits already is left to its own time.
UPDATE event
SET tries = 0, due_at = :now::timestamptz, delivered_at = NULL, given_up_at = NULL
WHERE id IN (
    SELECT id FROM event WHERE name = ANY (:names::text[]) AND due_at IS NULL
    ORDER BY id FOR UPDATE
)
RETURNING name;

-- name: resend_given_up(now, since, most)
-- Those given up since then; a few at a time, so that no statement takes long however many they are.
UPDATE event SET tries = 0, due_at = :now::timestamptz, given_up_at = NULL
WHERE id IN (
    SELECT id FROM event WHERE given_up_at >= :since::timestamptz
    ORDER BY given_up_at LIMIT :most FOR UPDATE SKIP LOCKED
)
RETURNING name;

-- name: given_up_before(since, most)$
SELECT count(*) FROM (
    SELECT FROM event WHERE given_up_at < :since::timestamptz ORDER BY given_up_at LIMIT :most
) AS found;
