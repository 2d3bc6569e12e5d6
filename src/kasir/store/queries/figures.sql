-- name: figures(now, most, given_up_since)^
-- Each figure counts at most `most` open rows, with an index, so the cost does not grow with the
-- table.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM notice WHERE state = 'unread' ORDER BY id LIMIT :most
    ) AS found) AS unread,
    (SELECT received_at FROM notice WHERE state = 'unread' ORDER BY id LIMIT 1) AS unread_since,
    (SELECT count(*) FROM (
        SELECT FROM notice WHERE state = 'waiting' ORDER BY id LIMIT :most
    ) AS found) AS waiting,
    (SELECT count(*) FROM (
        SELECT FROM notice WHERE state = 'held' ORDER BY id LIMIT :most
    ) AS found) AS held,
    (SELECT count(*) FROM (
        SELECT FROM notice WHERE state = 'unheard_of' ORDER BY id LIMIT :most
    ) AS found) AS unheard_of,
    -- A payment can be unknown only while one of its calls has no answer.
    (SELECT count(DISTINCT payment.id) FROM (
        SELECT payment_id FROM question WHERE status IS NULL ORDER BY ask_again_at LIMIT :most
    ) AS found JOIN payment ON payment.id = found.payment_id
     WHERE payment.status = 'unknown') AS unknown,
    ended.unconfirmed, ended.unconfirmed_since,
    waiting.events, waiting.events_since,
    (SELECT count(*) FROM (
        -- Events that were given up earlier are not counted: the shop may have fetched them.
        SELECT FROM event WHERE given_up_at >= :given_up_since::timestamptz
        ORDER BY given_up_at LIMIT :most
    ) AS found) AS given_up,
    (SELECT count(*) FROM (
        SELECT FROM subscription
        WHERE due_at <= :now AND (taken_until IS NULL OR taken_until <= :now)
        ORDER BY due_at LIMIT :most
    ) AS found) AS due,
    (SELECT count(*) FROM (
        SELECT FROM pgqueuer WHERE status = 'failed' ORDER BY updated LIMIT :most
    ) AS found) AS failed_jobs
FROM (
    SELECT count(*) AS events, min(at) AS events_since FROM (
        SELECT at FROM event WHERE due_at IS NOT NULL ORDER BY due_at LIMIT :most
    ) AS found
) AS waiting, (
    SELECT count(*) AS unconfirmed, min(close_at) AS unconfirmed_since FROM (
        SELECT close_at FROM payment WHERE close_due_at > close_at ORDER BY close_at LIMIT :most
    ) AS found
) AS ended;
