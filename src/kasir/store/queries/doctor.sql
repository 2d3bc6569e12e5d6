-- name: last_notice(kind)$
SELECT max(received_at) FROM notice WHERE kind = :kind;

-- name: held()$
SELECT count(*) FROM notice WHERE state = 'held';

-- name: unconfirmed(most)^
-- The number of attempts that timed out and whose outcome Adyen has not reported, and when the
-- first of them timed out.
SELECT count(*) AS count, min(close_at) AS since FROM (
    SELECT close_at FROM payment WHERE close_due_at > close_at ORDER BY close_at LIMIT :most
) AS found;

-- name: lost_questions(before)^
-- The number of calls that were stored before `before` and have no answer, and when the first of
-- them was stored. A cancel by reference does not count if its payment has ended, because that
-- cancel is not sent again.
SELECT count(*) AS count, min(opened_at) AS since FROM question
WHERE status IS NULL AND opened_at < :before AND NOT (
    kind = 'cancels_by_reference'
    AND EXISTS (SELECT FROM payment WHERE id = question.payment_id AND close_due_at IS NULL)
);

-- name: unknown_payments(most)^
-- How many payments have an unknown outcome, and since when. A payment can only be unknown while a
-- question about it has no answer.
SELECT count(DISTINCT payment.id) AS count, min(found.opened_at) AS since FROM (
    SELECT payment_id, opened_at FROM question WHERE status IS NULL
    ORDER BY ask_again_at LIMIT :most
) AS found JOIN payment ON payment.id = found.payment_id WHERE payment.status = 'unknown';

-- name: conflicts(most)
-- The pspReferences that two payments had before `psp_reference` allowed only one owner.
SELECT conflict.name, owned.payment_id AS owner, conflict.payment_id AS other
FROM psp_reference_conflict AS conflict JOIN psp_reference AS owned USING (name)
ORDER BY conflict.name, conflict.payment_id LIMIT :most;

-- name: now()$
SELECT clock_timestamp();

-- name: undelivered(since, most)^
-- Events that the shop has not accepted: how many are to be sent, when the oldest of them was
-- written, and how many were given up.
SELECT waiting.count AS waiting, waiting.since AS waiting_since, given_up.count AS given_up
FROM (
    SELECT count(*) AS count, min(at) AS since FROM (
        SELECT at FROM event WHERE due_at IS NOT NULL ORDER BY due_at LIMIT :most
    ) AS found
) AS waiting, (
    SELECT count(*) AS count FROM (
        SELECT FROM event WHERE given_up_at >= :since ORDER BY given_up_at LIMIT :most
    ) AS found
) AS given_up;
