-- name: take(now, lease)$
-- Takes the queue for a job, if a notice waits, the next try is due, no other job has the queue, and
-- the relay is not paused. Returns `holder`, by which the job proves that it has the queue. The lease
-- is measured by the database's clock, because a test clock may leap. It covers the time until a
-- worker runs the job; then `first` begins a new lease. The innermost subquery has an order and a
-- limit, so that the planner uses the index of waiting rows; with EXISTS the planner may scan the
-- table.
UPDATE relay_queue
SET holder = gen_random_uuid()::text, held_until = clock_timestamp() + :lease::interval
WHERE is_only IN (
    SELECT is_only FROM relay_queue
    WHERE due_at <= :now AND (holder IS NULL OR held_until < clock_timestamp())
          AND (SELECT id FROM relay WHERE state = 'waiting' ORDER BY id LIMIT 1) IS NOT NULL
          AND NOT EXISTS (SELECT FROM paused_address WHERE name = 'relay')
    FOR UPDATE SKIP LOCKED
)
RETURNING holder;

-- name: first(holder, lease)^
-- Returns the oldest waiting notice, if this job still has the queue and the relay is not paused,
-- and begins a new lease. Returns one notice at a time, so that a long queue needs no more memory.
WITH held AS (
    UPDATE relay_queue SET held_until = clock_timestamp() + :lease::interval
    WHERE holder = :holder
    RETURNING failures
)
SELECT oldest.id, oldest.signature, held.failures, notice.id AS notice_id, notice.kind,
       notice.item, notice.is_live, notice.state, notice.event_code
FROM held, (
    SELECT id, notice_id, signature FROM relay WHERE state = 'waiting' ORDER BY id LIMIT 1
) AS oldest JOIN notice ON notice.id = oldest.notice_id
WHERE NOT EXISTS (SELECT FROM paused_address WHERE name = 'relay');

-- name: accept(id, holder, at, status)!
WITH accepted AS (
    UPDATE relay SET state = 'accepted', settled_at = :at::timestamptz
    WHERE id = :id AND state = 'waiting'
    RETURNING id
), tried AS (
    INSERT INTO relay_try (relay_id, at, status)
    SELECT id, :at::timestamptz, :status::integer FROM accepted
)
UPDATE relay_queue
SET failures = 0, tried_at = :at::timestamptz, status = :status::integer, error = ''
WHERE holder = :holder AND EXISTS (SELECT FROM accepted);

-- name: skip(id, notice_id, notice_state, at)!
-- Skips a notice because of its state; does nothing if the state has changed since. The lock makes
-- this statement wait for a reader that settles the notice, and makes a later reader see the
-- result.
WITH unchanged AS (
    SELECT id FROM notice WHERE id = :notice_id AND state = :notice_state FOR UPDATE
)
UPDATE relay SET state = 'skipped', settled_at = :at
FROM unchanged
WHERE relay.notice_id = unchanged.id AND relay.id = :id AND relay.state = 'waiting';

-- name: fail(id, holder, at, due_at, status, error)!
-- Records a failed try, and releases the queue.
WITH failed AS (
    UPDATE relay_queue
    SET failures = failures + 1, due_at = :due_at, tried_at = :at::timestamptz,
        status = :status::integer, error = :error::text, holder = NULL
    WHERE holder = :holder
    RETURNING is_only
)
INSERT INTO relay_try (relay_id, at, status, error)
SELECT :id::bigint, :at::timestamptz, :status::integer, :error::text FROM failed;

-- name: release(holder)!
UPDATE relay_queue SET holder = NULL WHERE holder = :holder;

-- name: backlog(most)^
-- How many notices wait (at most `most` are counted), when the oldest of them came, and the result
-- of the last try.
SELECT waiting.count AS waiting, oldest.id AS notice_id, oldest.received_at AS since,
       queue.failures, queue.tried_at, queue.status, queue.error
FROM relay_queue AS queue, (
    SELECT count(*) AS count FROM (
        SELECT FROM relay WHERE state = 'waiting' ORDER BY id LIMIT :most
    ) AS found
) AS waiting LEFT JOIN (
    SELECT notice.id, notice.received_at FROM relay JOIN notice ON notice.id = relay.notice_id
    WHERE relay.state = 'waiting' ORDER BY relay.id LIMIT 1
) AS oldest ON true;

-- name: drop_waiting(notice_ids, now, most)$
-- Removes the oldest `most` of these waiting notices from the queue; of all waiting notices if
-- there are no ids. The first remaining notice is then sent at once. Returns how many were removed.
WITH dropped AS (
    UPDATE relay SET state = 'dropped', settled_at = :now::timestamptz
    WHERE id IN (
        SELECT id FROM relay
        WHERE state = 'waiting'
              AND (cardinality(:notice_ids::bigint[]) = 0 OR notice_id = ANY (:notice_ids::bigint[]))
        ORDER BY id LIMIT :most FOR UPDATE
    )
    RETURNING id
), tried_now AS (
    UPDATE relay_queue SET due_at = :now::timestamptz, failures = 0
    WHERE EXISTS (SELECT FROM dropped)
)
SELECT count(*) FROM dropped;

-- name: relayed(state, event_code, before, most)
-- Notices of the relay, newest first. An empty parameter matches all. With an event code, only for
-- the states that few notices have.
SELECT relay.id, relay.state, notice.id AS notice_id, notice.event_code, notice.payment_id,
       notice.kind, notice.received_at
FROM relay JOIN notice ON notice.id = relay.notice_id
WHERE relay.id < :before AND (:state = '' OR relay.state = :state)
      AND (:event_code = '' OR notice.event_code = :event_code)
ORDER BY relay.id DESC LIMIT :most;

-- name: relayed_of_code(state, event_code, before, last, most)
-- As `relayed`, of one event code: in the order of the notices, because their index has the code.
SELECT relay.id, relay.state, notice.id AS notice_id, notice.event_code, notice.payment_id,
       notice.kind, notice.received_at
FROM notice JOIN relay ON relay.notice_id = notice.id
WHERE notice.event_code = :event_code AND (:state = '' OR relay.state = :state)
      AND notice.id >= (SELECT notice_id FROM relay ORDER BY notice_id LIMIT 1)
      AND notice.id < COALESCE((SELECT notice_id FROM relay WHERE id = :before), :last::bigint)
ORDER BY notice.id DESC LIMIT :most;

-- name: relayed_of(payment_id, state, event_code, before, most)
-- As `relayed`, of one payment. Not one statement, so that the planner begins with its notices.
SELECT relay.id, relay.state, notice.id AS notice_id, notice.event_code, notice.payment_id,
       notice.kind, notice.received_at
FROM relay JOIN notice ON notice.id = relay.notice_id
WHERE notice.payment_id = :payment_id AND relay.id < :before
      AND (:state = '' OR relay.state = :state)
      AND (:event_code = '' OR notice.event_code = :event_code)
ORDER BY relay.id DESC LIMIT :most;

-- name: relayed_notice(id)^
SELECT relay.id, relay.state, notice.id AS notice_id, notice.event_code, notice.payment_id,
       notice.kind, notice.received_at
FROM relay JOIN notice ON notice.id = relay.notice_id
WHERE relay.id = :id;

-- name: relay_tries_of(ids)
SELECT relay_id, at, status, error FROM relay_try
WHERE relay_id = ANY (:ids::bigint[]) ORDER BY id;

-- name: settled_since(since, until, most)
-- Notices that were accepted, or removed from the queue, in this time; the earliest first.
SELECT id, settled_at AS ended_at FROM relay
WHERE settled_at BETWEEN :since::timestamptz AND :until::timestamptz
      AND state IN ('accepted', 'dropped')
ORDER BY settled_at, id LIMIT :most;

-- name: relay_again(ids, now)
-- Puts notices into the queue again that were accepted, or removed from it, and whose bodies are not
-- deleted. The oldest waiting one is then tried at once.
WITH again AS (
    UPDATE relay SET state = 'waiting', settled_at = NULL
    WHERE id IN (
        SELECT relay.id FROM relay JOIN notice ON notice.id = relay.notice_id
        WHERE relay.id = ANY (:ids::bigint[]) AND relay.state IN ('accepted', 'dropped')
              AND notice.item <> ''
        ORDER BY relay.id FOR UPDATE OF relay
    )
    RETURNING id
), tried_now AS (
    UPDATE relay_queue SET due_at = :now::timestamptz WHERE EXISTS (SELECT FROM again)
)
SELECT id FROM again;
