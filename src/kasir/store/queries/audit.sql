-- name: begin_act(at, is_about_people, account, person, address, act, subject, reason, before)$
INSERT INTO audit
    (at, is_about_people, account, person, address, act, subject, reason, before)
VALUES (:at, :is_about_people, :account, :person, :address, :act, :subject, :reason, :before::jsonb)
RETURNING id;

-- name: end_act(id, at, outcome, error, after)!
UPDATE audit SET ended_at = :at, outcome = :outcome, error = :error, after = :after::jsonb
WHERE id = :id AND outcome = 'started';

-- name: acts(before_id, most)
SELECT id, at, person, address, act, subject, reason, before::text, after::text, outcome, error
FROM audit
WHERE NOT is_about_people AND id < :before_id
ORDER BY id DESC
LIMIT :most;

-- name: acts_on_people(before_id, account, is_default_account, most)
-- The acts that the admins of an account may see: acts in it, and acts on the people who have a role
-- in it, such as their sign-ins. Admins of the environment's account also see sign-ins under names
-- that nobody has.
SELECT id, at, person, address, act, subject, reason, before::text, after::text, outcome, error
FROM audit
WHERE is_about_people AND id < :before_id
  AND (account = :account
       OR account = ''
          AND (person IN (SELECT person_role.person FROM person_role
                          WHERE person_role.account = :account)
               OR subject IN (SELECT person_role.person FROM person_role
                              WHERE person_role.account = :account)
               OR :is_default_account AND person = ''))
ORDER BY id DESC
LIMIT :most;
