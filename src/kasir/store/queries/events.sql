-- name: event(id)^
SELECT id, name, payload, at, tries FROM event WHERE id = :id AND due_at IS NOT NULL;

-- name: delivered(id, now)!
UPDATE event SET due_at = NULL, delivered_at = :now, tries = tries + 1 WHERE id = :id;

-- name: not_delivered(id, due_at)!
UPDATE event SET due_at = :due_at, tries = tries + 1 WHERE id = :id;

-- name: events_after(after_name, most)
-- Up to where every transaction has ended, so that nothing can appear behind what was given.
SELECT name, payload FROM event
WHERE id > COALESCE((SELECT id FROM event WHERE name = :after_name), 0)
      AND transaction < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY id LIMIT :most;

-- name: is_event(name)$
SELECT EXISTS (SELECT FROM event WHERE name = :name);

-- name: add_events(names, subjects, types, payloads, now, due_at)!
INSERT INTO event (name, subject, type, payload, at, due_at)
SELECT news.*, :now::timestamptz, :due_at::timestamptz
FROM unnest(:names::text[], :subjects::text[], :types::text[], :payloads::bytea[]) AS news;
