-- name: last_notice(kind)$
SELECT max(received_at) FROM notice WHERE kind = :kind;

-- name: held()$
SELECT count(*) FROM notice WHERE state = 'held';

-- name: lost_questions(before)$
-- Asked for the first time so long ago that they should have been answered.
SELECT count(*) FROM question WHERE status IS NULL AND opened_at < :before;

-- name: conflicts(most)
SELECT conflict.name, owned.payment_id AS owner, conflict.payment_id AS other
FROM psp_reference_conflict AS conflict JOIN psp_reference AS owned USING (name)
ORDER BY conflict.name, conflict.payment_id LIMIT :most;
