-- name: sums(statuses, since, until)
-- How many payments have a status of those created in a period, and their sum: for each of the
-- given statuses with its period. Each is read from the index `payment_of_status` alone. All
-- amounts are rupiah.
SELECT coalesce(found.count, 0) AS count, coalesce(found.value, 0)::bigint AS value
FROM unnest(:statuses::text[], :since::timestamptz[], :until::timestamptz[])
     WITH ORDINALITY AS asked (status, since, until, number)
CROSS JOIN LATERAL (
    SELECT count(*) AS count, sum(minor_units) AS value FROM payment
    WHERE payment.status = asked.status
      AND payment.created_at >= asked.since AND payment.created_at < asked.until
) AS found
ORDER BY asked.number;

-- name: paid_days(first, last)
SELECT day, count, value FROM paid_day WHERE day BETWEEN :first::date AND :last::date;

-- name: sum_paid_day(day, since, until)!
-- The last of two workers may write the sum that was read first; the next look corrects it.
INSERT INTO paid_day (day, count, value)
SELECT :day::date, count(*), coalesce(sum(minor_units), 0)::bigint FROM payment
WHERE status = 'authorised' AND created_at >= :since::timestamptz AND created_at < :until::timestamptz
ON CONFLICT (day) DO UPDATE SET count = excluded.count, value = excluded.value;

-- name: queues(most)^
-- Jobs that wait, events whose delivery failed and is tried again, open cases: each up to `most`.
SELECT
    (SELECT count(*) FROM (
        SELECT FROM pgqueuer WHERE status = 'queued' LIMIT :most
    ) AS found) AS jobs,
    (SELECT count(*) FROM (
        SELECT tries FROM event WHERE due_at IS NOT NULL ORDER BY due_at LIMIT :most
    ) AS found WHERE tries > 0) AS failing,
    (SELECT count(*) FROM (
        SELECT FROM reconciliation_case WHERE state = 'open' ORDER BY id LIMIT :most
    ) AS found) AS cases,
    (SELECT max(received_at) FROM notice WHERE kind = 'standard') AS last_notice_at;
