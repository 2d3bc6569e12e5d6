-- Each statement removes at most `most` rows, the oldest first, and skips rows that are locked. The
-- result is the number of removed rows and, as `reached`, the time of the last one. The next run
-- begins at `reached`, so removed rows are not scanned again. A row is removed only if it is older
-- than `kept` by both clocks, the database's and Kasir's, so that one clock that jumps ahead
-- removes nothing.

-- name: log(since, now, kept, most)^
WITH old AS (
    SELECT id, created AS at FROM pgqueuer_log
    WHERE created >= :since AND created < least(now(), :now::timestamptz) - :kept::interval
    ORDER BY created LIMIT :most FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM pgqueuer_log USING old WHERE pgqueuer_log.id = old.id
)
SELECT count(*) AS count, max(at) AS reached FROM old;

-- name: statistics(since, now, kept, most)^
-- Only earlier versions of Kasir wrote these rows.
WITH old AS (
    SELECT id, created AS at FROM pgqueuer_statistics
    WHERE created >= :since AND created < least(now(), :now::timestamptz) - :kept::interval
    ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM pgqueuer_statistics USING old WHERE pgqueuer_statistics.id = old.id
)
SELECT count(*) AS count, min(at) AS reached FROM old;

-- name: failed_jobs(since, now, kept, most)^
WITH old AS (
    SELECT id, updated AS at FROM pgqueuer
    WHERE status = 'failed' AND updated >= :since
          AND updated < least(now(), :now::timestamptz) - :kept::interval
    ORDER BY updated LIMIT :most FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM pgqueuer USING old WHERE pgqueuer.id = old.id
)
SELECT count(*) AS count, max(at) AS reached FROM old;

-- name: notices(since, now, kept, most)^
-- Empties the bodies of notices that were read and do not wait for the relay; their rows stay.
-- Notices in other states keep their bodies, because they may be read again.
WITH old AS (
    SELECT id, read_at AS at FROM notice
    WHERE state = 'read' AND item <> '' AND read_at >= :since
          AND read_at < least(now(), :now::timestamptz) - :kept::interval
          AND NOT EXISTS (
              SELECT FROM relay WHERE notice_id = notice.id AND relay.state = 'waiting'
          )
    ORDER BY read_at LIMIT :most FOR UPDATE SKIP LOCKED
), emptied AS (
    UPDATE notice SET item = '' FROM old WHERE notice.id = old.id
)
SELECT count(*) AS count, max(at) AS reached FROM old;

-- name: events(since, now, kept, most)^
WITH old AS (
    SELECT id, delivered_at AS at FROM event
    WHERE delivered_at >= :since
          AND delivered_at < least(now(), :now::timestamptz) - :kept::interval
    ORDER BY delivered_at LIMIT :most FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM event USING old WHERE event.id = old.id
)
SELECT count(*) AS count, max(at) AS reached FROM old;

-- name: relay_tries(since, now, kept, most)^
-- Tries to relay notices that do not wait any more.
WITH old AS (
    SELECT id, at FROM relay_try
    WHERE at >= :since AND at < least(now(), :now::timestamptz) - :kept::interval
          AND NOT EXISTS (
              SELECT FROM relay WHERE relay.id = relay_id AND relay.state = 'waiting'
          )
    ORDER BY at LIMIT :most FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM relay_try USING old WHERE relay_try.id = old.id
)
SELECT count(*) AS count, max(at) AS reached FROM old;
