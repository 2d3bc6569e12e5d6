-- name: event(id)^
SELECT id, name, payload, at, tries FROM event WHERE id = :id AND due_at IS NOT NULL;

-- name: delivered(id, now)!
UPDATE event SET due_at = NULL, delivered_at = :now, tries = tries + 1 WHERE id = :id;

-- name: not_delivered(id, due_at)!
UPDATE event SET due_at = :due_at, tries = tries + 1 WHERE id = :id;

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
