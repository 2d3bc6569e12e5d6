-- name: event(id)^
SELECT id, name, type, subject, payload, tries, request_id, traceparent,
       EXISTS (SELECT FROM paused_address WHERE name = 'events') AS is_paused
FROM event WHERE id = :id AND due_at IS NOT NULL;

-- name: put_back(id, now)!
-- Makes an event due that a job had taken and did not send.
UPDATE event SET due_at = :now WHERE id = :id AND due_at IS NOT NULL;

-- name: tried(id, at, status, error, is_taken, due_at)!
-- Records a try to deliver an event. If another job delivered the event in the meantime, the event
-- stays delivered, whatever the result of this try is.
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

-- name: wait_for_event_writers()#
-- Waits until every transaction that has taken an event id has ended: see `add_events`.
SET LOCAL lock_timeout = '500ms';
SELECT pg_advisory_xact_lock(7597993);

-- name: events_after(after_name, last, type, subject, most)
-- An empty type or subject matches all.
SELECT name, payload FROM event
WHERE id > COALESCE((SELECT id FROM event WHERE name = :after_name), 0) AND id <= :last
      AND (:type = '' OR type = :type) AND (:subject = '' OR subject = :subject)
ORDER BY id LIMIT :most;

-- name: is_event(name)$
SELECT EXISTS (SELECT FROM event WHERE name = :name);

-- name: add_events(names, subjects, types, payloads, now, due_at, request_id, traceparent)!
-- A transaction that writes events has a shared lock until its commit, and a reader of a page waits
-- for all these locks. Otherwise an event with an earlier id could be committed after a page with
-- later ids was read, and the reader would miss the event. The lock is taken before the first id is
-- assigned: an id is assigned for each row of the join, and the join first needs the row of
-- `locked`.
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(7597993))
INSERT INTO event (name, subject, type, payload, at, due_at, request_id, traceparent)
SELECT added.*, :now::timestamptz, :due_at::timestamptz, :request_id, :traceparent
FROM locked, unnest(:names::text[], :subjects::text[], :types::text[], :payloads::bytea[]) AS added;

-- Three statements list deliveries, newest first, so that the planner can use the indexes of the rare
-- states. An empty parameter matches all. Events that were never to be delivered are left out.

-- name: events_of(is_delivered, type, subject, before, most)
SELECT id, name, type, subject, at, due_at, delivered_at, given_up_at FROM event
WHERE id < :before AND (:type = '' OR type = :type) AND (:subject = '' OR subject = :subject)
      AND (delivered_at IS NOT NULL
           OR NOT :is_delivered::boolean AND (due_at IS NOT NULL OR given_up_at IS NOT NULL))
ORDER BY id DESC LIMIT :most;

-- name: waiting_events_of(type, subject, before, most)
SELECT id, name, type, subject, at, due_at, delivered_at, given_up_at FROM event
WHERE due_at IS NOT NULL AND id < :before
      AND (:type = '' OR type = :type) AND (:subject = '' OR subject = :subject)
ORDER BY id DESC LIMIT :most;

-- name: given_up_events_of(type, subject, before, most)
SELECT id, name, type, subject, at, due_at, delivered_at, given_up_at FROM event
WHERE given_up_at IS NOT NULL AND id < :before
      AND (:type = '' OR type = :type) AND (:subject = '' OR subject = :subject)
ORDER BY id DESC LIMIT :most;

-- name: event_named(name)^
SELECT id, name, type, subject, at, due_at, delivered_at, given_up_at FROM event
WHERE name = :name;

-- name: tries_of(ids)
SELECT event_id, at, status, error FROM event_try
WHERE event_id = ANY (:ids::bigint[]) ORDER BY id;

-- name: last_try()^
SELECT at, status, error FROM event_try ORDER BY id DESC LIMIT 1;

-- name: resend(names, now)
-- Starts the schedule of tries again. An event that already waits for delivery is not changed.
UPDATE event
SET tries = 0, due_at = :now::timestamptz, delivered_at = NULL, given_up_at = NULL
WHERE id IN (
    SELECT id FROM event WHERE name = ANY (:names::text[]) AND due_at IS NULL
    ORDER BY id FOR UPDATE
)
RETURNING name;

-- name: resend_given_up(now, since, most)
-- Makes events due again that were given up at `since` or later; at most `most` of them, so that
-- the statement does not run long.
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

-- name: ended_since(since, until, most)
-- Events whose delivery ended, by an acceptance or by giving up, in this time; the earliest first.
SELECT id, ended_at FROM (
    (SELECT id, delivered_at AS ended_at FROM event
     WHERE delivered_at BETWEEN :since::timestamptz AND :until::timestamptz
     ORDER BY delivered_at LIMIT :most)
    UNION ALL
    (SELECT id, given_up_at AS ended_at FROM event
     WHERE given_up_at BETWEEN :since::timestamptz AND :until::timestamptz
     ORDER BY given_up_at LIMIT :most)
) AS ended
ORDER BY ended_at, id LIMIT :most;

-- name: resend_ids(ids, now)$
-- As `resend`, by the ids of the rows; returns how many.
WITH resent AS (
    UPDATE event
    SET tries = 0, due_at = :now::timestamptz, delivered_at = NULL, given_up_at = NULL
    WHERE id IN (
        SELECT id FROM event WHERE id = ANY (:ids::bigint[]) AND due_at IS NULL
        ORDER BY id FOR UPDATE
    )
    RETURNING id
)
SELECT count(*) FROM resent;

-- name: paused()
SELECT name, paused_at FROM paused_address;

-- name: pause(name, now)!
-- An address that is paused already keeps the time of its pause.
INSERT INTO paused_address (name, paused_at) VALUES (:name, :now) ON CONFLICT (name) DO NOTHING;

-- name: resume(name)!
DELETE FROM paused_address WHERE name = :name;
