-- name: failed(most)
-- Failed jobs, each with the type and the message of its last error.
SELECT job.id, job.entrypoint, job.payload, job.updated, job.attempts,
       log.traceback ->> 'exception_type' AS error, log.traceback ->> 'exception_message' AS words
FROM (
    SELECT * FROM pgqueuer WHERE status = 'failed' ORDER BY updated DESC, id DESC LIMIT :most
) AS job LEFT JOIN LATERAL (
    SELECT traceback FROM pgqueuer_log
    WHERE job_id = job.id AND status = 'failed' ORDER BY created DESC LIMIT 1
) AS log ON true
ORDER BY job.updated DESC, job.id DESC;

-- name: count_failed(most)^
SELECT count(*) AS count, min(updated) AS since FROM (
    SELECT updated FROM pgqueuer WHERE status = 'failed' ORDER BY updated LIMIT :most
) AS found;

-- name: lock_failed(ids, most)
SELECT id FROM pgqueuer
WHERE status = 'failed' AND (cardinality(:ids::bigint[]) = 0 OR id = ANY (:ids::bigint[]))
ORDER BY id LIMIT :most FOR UPDATE;

-- name: retry(retries, after_s, most)$
-- Queues failed jobs again, and returns their number: jobs that were retried fewer than `retries`
-- times and failed at least `after_s` seconds ago. However many workers run this statement, a job
-- waits `after_s` before each retry.
WITH again AS (
    UPDATE pgqueuer
    SET status = 'queued', attempts = attempts + 1, updated = now(), execute_after = now(),
        queue_manager_id = NULL
    WHERE id IN (
        SELECT id FROM pgqueuer WHERE status = 'failed' AND attempts < :retries
            AND updated <= now() - make_interval(secs => :after_s)
        ORDER BY updated LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING id
)
SELECT count(*) FROM again;
