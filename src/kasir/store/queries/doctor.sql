-- name: last_notice(kind)$
SELECT max(received_at) FROM notice WHERE kind = :kind;

-- name: held()$
SELECT count(*) FROM notice WHERE state = 'held';

-- name: lost_questions(before)$
-- Asked for the first time so long ago that they should have been answered.
SELECT count(*) FROM question WHERE status IS NULL AND opened_at < :before;
