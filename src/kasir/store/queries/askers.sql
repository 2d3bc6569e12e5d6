-- name: hold(space, asker)!
-- Held by the session for as long as it lasts: that is how others see that its owner is alive.
SELECT pg_advisory_lock(:space, :asker);

-- name: last_asker(key, asked_at, space, restart_s)^
-- Who asked a question last, and whether they are gone. A server that was restarted has forgotten
-- who is alive: whoever is has told it again a moment later.
SELECT asker,
       clock_timestamp() > pg_postmaster_start_time() + make_interval(secs => :restart_s)
       AND pg_try_advisory_xact_lock_shared(:space, asker) AS is_gone
FROM question
WHERE key = :key AND asked_at = :asked_at AND status IS NULL AND asker IS NOT NULL;

-- name: forsake(key, asked_at, asker)!
-- It may have been sent, and nobody waits for its answer: anybody may ask again, and a worker does.
UPDATE question
SET asked_at = 'epoch', tries = tries + 1,
    ask_again_at = CASE WHEN ask_again_at IS NOT NULL THEN :asked_at::timestamptz END
WHERE key = :key AND asked_at = :asked_at AND asker = :asker AND status IS NULL;
