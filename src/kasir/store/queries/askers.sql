-- name: hold(space, asker)!
-- The database session keeps this lock until the session ends, so other processes see that the
-- process with the number `asker` is alive.
SELECT pg_advisory_lock(:space, :asker);

-- name: last_asker(key, asked_at, space, restart_s)^
-- The number of the process that sent an unanswered call last, and whether that process is gone. A
-- restart of PostgreSQL drops all advisory locks; live processes take them again within `restart_s`
-- seconds. No row if the call was answered, or was sent again since `asked_at`.
SELECT asker,
       clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => :restart_s)
       AND pg_try_advisory_xact_lock_shared(:space, asker) AS is_gone
FROM question
WHERE key = :key AND asked_at = :asked_at AND status IS NULL AND asker IS NOT NULL;

-- name: abandon(key, asked_at, asker)!
-- Releases a call that may have been sent and for whose answer no process waits: any process may
-- send the call again, and a worker will.
UPDATE question
SET asked_at = 'epoch', tries = tries + 1,
    ask_again_at = CASE WHEN ask_again_at IS NOT NULL THEN :asked_at::timestamptz END
WHERE key = :key AND asked_at = :asked_at AND asker = :asker AND status IS NULL;
