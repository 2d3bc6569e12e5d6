-- name: hold(space, asker)!
-- The session holds this lock until it ends, so other processes see that the process `asker` is
-- alive.
SELECT pg_advisory_lock(:space, :asker);

-- name: last_asker(key, asked_at, space, restart_s)^
-- The number of the process that sent a question last, and whether that process is gone. A restart
-- of PostgreSQL drops all advisory locks; live processes take them again within `restart_s`
-- seconds.
SELECT asker,
       clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => :restart_s)
       AND pg_try_advisory_xact_lock_shared(:space, asker) AS is_gone
FROM question
WHERE key = :key AND asked_at = :asked_at AND status IS NULL AND asker IS NOT NULL;

-- name: abandon(key, asked_at, asker)!
-- For a question that may have been sent and for whose answer no process waits. Any process may
-- send it again, and a worker will.
UPDATE question
SET asked_at = 'epoch', tries = tries + 1,
    ask_again_at = CASE WHEN ask_again_at IS NOT NULL THEN :asked_at::timestamptz END
WHERE key = :key AND asked_at = :asked_at AND asker = :asker AND status IS NULL;
