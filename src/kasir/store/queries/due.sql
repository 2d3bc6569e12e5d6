-- Each of these takes what is due and puts it off at once, in the transaction that enqueues the
-- job for it: another looker finds nothing, and if the job is lost it comes up again later.

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

-- name: due_tellings(now, most)
SELECT id FROM payment
WHERE tell_at <= :now
ORDER BY tell_at LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: due_events(now, later, most)
-- Only the first event of a payment (or token) that the shop has not heard: the next one waits for it.
UPDATE event SET due_at = :later
WHERE id IN (
    SELECT id FROM event
    WHERE due_at <= :now AND NOT EXISTS (
        SELECT FROM event AS earlier
        WHERE earlier.subject = event.subject AND earlier.id < event.id
              AND earlier.due_at IS NOT NULL
    )
    ORDER BY due_at LIMIT :most
    FOR UPDATE SKIP LOCKED
)
RETURNING id;
