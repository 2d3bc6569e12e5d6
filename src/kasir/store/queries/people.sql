-- name: add_person(name, password, now)$
INSERT INTO person (name, password, created_at) VALUES (:name, :password, :now)
ON CONFLICT (name) DO NOTHING
RETURNING name;

-- name: person(name)^
SELECT name, password, totp, totp_pending, is_active, created_at,
       (SELECT jsonb_object_agg(account, role) FROM person_role WHERE person = :name)::text AS roles
FROM person
WHERE name = :name;

-- name: people()
SELECT person.name, is_active, totp IS NOT NULL AS has_totp, created_at,
       (SELECT jsonb_object_agg(account, role) FROM person_role
        WHERE person = person.name)::text AS roles
FROM person
ORDER BY name;

-- name: people_of(account)
SELECT person.name, is_active, totp IS NOT NULL AS has_totp, created_at,
       (SELECT jsonb_object_agg(other.account, other.role) FROM person_role AS other
        WHERE other.person = person.name)::text AS roles
FROM person_role JOIN person ON person.name = person_role.person
WHERE person_role.account = :account
ORDER BY person.name;

-- name: set_role(name, account, role)!
INSERT INTO person_role (person, account, role) VALUES (:name, :account, :role)
ON CONFLICT (person, account) DO UPDATE SET role = EXCLUDED.role;

-- name: remove_role(name, account)$
DELETE FROM person_role WHERE person = :name AND account = :account RETURNING role;

-- name: set_password(name, password)$
UPDATE person SET password = :password WHERE name = :name RETURNING name;

-- name: set_active(name, is_active)$
UPDATE person SET is_active = :is_active WHERE name = :name RETURNING name;

-- name: propose_totp(name, secret)!
UPDATE person SET totp_pending = :secret WHERE name = :name;

-- name: confirm_totp(name, step)$
-- Uses the proposed secret from now on; `step` is the time step of the code that confirmed it.
UPDATE person SET totp = totp_pending, totp_pending = NULL, totp_step = :step
WHERE name = :name AND totp_pending IS NOT NULL
RETURNING name;

-- name: remove_totp(name)!
UPDATE person SET totp = NULL, totp_pending = NULL WHERE name = :name;

-- name: use_totp_step(name, step)$
-- Whether a code of this time step is used for the first time, and none of a later one was.
UPDATE person SET totp_step = :step WHERE name = :name AND totp_step < :step RETURNING name;

-- name: begin_session(hash, person, now)!
INSERT INTO person_session (hash, person, account, created_at, seen_at)
VALUES (:hash, :person, '', :now, :now);

-- name: session(hash, idle_since, begun_since)^
SELECT session.person, session.account, session.seen_at, person.totp IS NOT NULL AS has_totp,
       (SELECT jsonb_object_agg(person_role.account, person_role.role) FROM person_role
        WHERE person_role.person = session.person)::text AS roles
FROM person_session AS session JOIN person ON person.name = session.person
WHERE session.hash = :hash AND session.seen_at > :idle_since AND session.created_at > :begun_since
  AND person.is_active;

-- name: touch_session(hash, now)!
UPDATE person_session SET seen_at = :now WHERE hash = :hash;

-- name: switch_account(hash, account)!
UPDATE person_session SET account = :account WHERE hash = :hash;

-- name: end_session(hash)!
DELETE FROM person_session WHERE hash = :hash;

-- name: end_sessions(name, but)!
-- Ends all sessions of a person but one.
DELETE FROM person_session WHERE person = :name AND hash <> :but;

-- name: end_old_sessions(idle_since, begun_since)!
DELETE FROM person_session WHERE hash IN (
    SELECT hash FROM person_session WHERE seen_at <= :idle_since OR created_at <= :begun_since
    FOR UPDATE SKIP LOCKED
);

-- name: guess(key, now, forgotten_since, free, longest_s)^
-- Counts a guess, unless the guesses before it must be waited for. The wait after the first guess
-- that is not free is a second, and twice as long after each further one.
INSERT INTO sign_in_guess AS kept (key, count, at, wait_until) VALUES (:key, 1, :now, :now)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN kept.at <= :forgotten_since THEN 1 ELSE kept.count + 1 END,
    at = :now,
    wait_until = :now + make_interval(secs => CASE
        WHEN kept.at <= :forgotten_since OR kept.count + 1 < :free THEN 0
        ELSE least(:longest_s::float8, 2.0 ^ least(kept.count + 1 - :free, 30))
    END)
WHERE kept.wait_until <= :now
RETURNING count;

-- name: waits_until(key)$
SELECT wait_until FROM sign_in_guess WHERE key = :key;

-- name: uncount_guess(key, now)!
UPDATE sign_in_guess SET count = greatest(count - 1, 0), wait_until = :now WHERE key = :key;

-- name: forget_guesses(key)!
DELETE FROM sign_in_guess WHERE key = :key;

-- name: forget_old_guesses(before)!
DELETE FROM sign_in_guess WHERE key IN (
    SELECT key FROM sign_in_guess WHERE at < :before AND wait_until < :before
    FOR UPDATE SKIP LOCKED
);
