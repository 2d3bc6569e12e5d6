-- name: has_work(now, has_relay, fetches_reports)$
-- Whether a worker would find anything to do. Reads at most one index entry for each kind of work.
SELECT EXISTS (SELECT FROM pgqueuer WHERE status = 'queued' AND execute_after <= now())
    OR EXISTS (
        SELECT FROM pgqueuer WHERE status = 'picked' AND heartbeat < now() - interval '1 minute'
    )
    OR EXISTS (SELECT FROM notice WHERE state = 'unread')
    OR EXISTS (SELECT FROM event WHERE due_at <= :now)
       AND NOT EXISTS (SELECT FROM paused_address WHERE name = 'events')
    OR EXISTS (SELECT FROM question WHERE status IS NULL AND ask_again_at <= :now)
    OR EXISTS (SELECT FROM payment WHERE close_due_at <= :now)
    OR EXISTS (SELECT FROM payment WHERE tell_at <= :now)
    OR EXISTS (SELECT FROM shopper WHERE look_at <= :now)
    OR EXISTS (SELECT FROM subscription WHERE due_at <= :now)
    OR EXISTS (
        SELECT FROM report
        WHERE due_at <= :now AND (state = 'stored' OR :fetches_reports::boolean)
    )
    OR :has_relay::boolean AND EXISTS (
        SELECT FROM relay_queue
        WHERE due_at <= :now AND (holder IS NULL OR held_until < clock_timestamp())
              AND (SELECT id FROM relay WHERE state = 'waiting' ORDER BY id LIMIT 1) IS NOT NULL
              AND NOT EXISTS (SELECT FROM paused_address WHERE name = 'relay')
    );

-- due_questions, due_closings and due_events find due rows and set a later due time, in the
-- transaction that queues a job for each row. So no other worker finds these rows, and if a job is
-- lost, its row becomes due again.

-- name: due_questions(now, later, most)
UPDATE question SET ask_again_at = :later
WHERE key IN (
    SELECT key FROM question
    WHERE status IS NULL AND ask_again_at <= :now
    ORDER BY ask_again_at LIMIT :most
    FOR UPDATE SKIP LOCKED
)
RETURNING key;

-- name: due_closings(now, later, most)
UPDATE payment SET close_due_at = :later
WHERE id IN (
    SELECT id FROM payment
    WHERE close_due_at <= :now
    ORDER BY close_due_at LIMIT :most
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: put_off_closing(id, later)!
UPDATE payment SET close_due_at = :later WHERE id = :id AND close_due_at IS NOT NULL;

-- name: has_others(id, reference, since, ended)$
-- Whether a cancel by reference might cancel another payment: an open or paid payment of Kasir's,
-- or a paid payment of another system on the merchant account. `ended` contains the final statuses
-- without 'authorised'.
SELECT EXISTS (
    SELECT FROM payment
    WHERE reference = :reference AND id <> :id AND created_at >= :since
          AND status <> ALL (:ended::text[])
) OR EXISTS (SELECT FROM notice WHERE paid_reference = :reference);

-- name: give_up_asking(key)!
UPDATE question SET ask_again_at = NULL WHERE key = :key AND status IS NULL;

-- name: is_held(reference)$
SELECT EXISTS (SELECT FROM notice WHERE paid_reference = :reference AND state = 'held');

-- name: last_return(since)$
-- When Kasir last stored a call to `/payments/details` whose answer has a pspReference that no
-- payment owns; null if there is none since `since`.
SELECT max(opened_at) FROM question
WHERE payment_id IS NULL AND psp_reference <> '' AND opened_at >= :since;

-- name: answered_at(changes)$
-- When a notification first reported that one of these changes failed; `changes` are pspReferences.
-- Older versions of Kasir recorded `noted` instead of `cancel_rejected`.
SELECT min(fact.at) FROM psp_reference
JOIN fact ON fact.payment_id = psp_reference.payment_id AND fact.modification = psp_reference.name
WHERE psp_reference.name = ANY (:changes::text[])
      AND fact.source = 'notification' AND fact.says IN ('cancel_rejected', 'noted');

-- name: close_free_attempts_of(link_ids, now)!
-- For a caller that has locked a subscription. Other transactions lock payments before
-- subscriptions, so a transaction that has locked a payment may be waiting for the caller. To avoid
-- a deadlock, this statement skips locked payments; another transaction is changing them, and they
-- are closed when they are due.
UPDATE payment SET close_due_at = :now
WHERE id IN (
    SELECT id FROM payment WHERE link_id = ANY (:link_ids::text[]) AND close_due_at IS NOT NULL
    FOR UPDATE SKIP LOCKED
);

-- name: close_attempts_of(link_id, now)!
-- Locks rows in the order of their ids, as every statement that locks several does.
UPDATE payment SET close_due_at = :now
WHERE id IN (
    SELECT id FROM payment WHERE link_id = :link_id AND close_due_at IS NOT NULL
    ORDER BY id FOR UPDATE
);

-- name: any_held_back(now)^
SELECT id FROM payment WHERE tell_at <= :now LIMIT 1;

-- name: due_held_back(now, overdue_at, timely_since, notified_until, is_late, most)
-- Payments whose held-back event is due and may be written. It may be written if it became due at
-- `timely_since` or later, or if Adyen has sent notifications of later events. Otherwise Kasir was
-- down, and a notification that changes the status may still be in Adyen's queue. An event that
-- became due at `overdue_at` or earlier is written in any case.
SELECT id FROM payment
WHERE tell_at <= :now AND (
    tell_at <= :overdue_at
    OR NOT :is_late::boolean
       AND (tell_at >= :timely_since OR tell_at <= :notified_until::timestamptz)
)
ORDER BY tell_at LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: deliveries(wait, most)^
-- The state of Adyen's queue, computed from the newest notices; see `Deliveries` for the columns.
-- Test notifications bypass Adyen's queue, so only notices of Kasir's payments count for
-- `notified_until`. Only event codes that Adyen sends at the time of the event count for `late_at`.
SELECT (SELECT max(least(event_date, received_at)) FROM (
           SELECT event_date, received_at FROM notice
           WHERE payment_id IS NOT NULL AND kind = 'standard' AND state = 'read'
           ORDER BY id DESC LIMIT :most
       ) AS ours) AS notified_until,
       max(received_at) FILTER (
           WHERE event_code IN ('AUTHORISATION', 'OFFER_CLOSED', 'TECHNICAL_CANCEL')
                 AND event_date < received_at - :wait::interval
       ) AS late_at,
       (SELECT received_at FROM notice WHERE state = 'unread' ORDER BY id LIMIT 1) AS unread_since
FROM (
    SELECT * FROM notice WHERE kind = 'standard' ORDER BY id DESC LIMIT :most
) AS newest;

-- name: due_events(now, later, most, job)
-- Finds only the first undelivered event of each subject, because later events of the subject wait
-- for it. At most `most` jobs are queued or running. Otherwise, while the shop does not answer,
-- more jobs would wait than can start before `later`, and their events would be queued twice.
-- While the shop's address is paused, no event is due.
UPDATE event SET due_at = :later
WHERE id IN (
    SELECT id FROM event
    WHERE NOT EXISTS (SELECT FROM paused_address WHERE name = 'events')
          AND due_at <= :now AND NOT EXISTS (
        SELECT FROM event AS earlier
        WHERE earlier.subject = event.subject AND earlier.id < event.id
              AND earlier.due_at IS NOT NULL
    )
    ORDER BY due_at
    LIMIT greatest(0, :most - (
        SELECT count(*) FROM pgqueuer
        WHERE entrypoint = :job AND status IN ('queued', 'picked')
    ))
    FOR UPDATE SKIP LOCKED
)
RETURNING id;
