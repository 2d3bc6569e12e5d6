-- name: is_made()$
SELECT to_regclass('kasir_accounts.account') IS NOT NULL;

-- name: state()$
-- A text that is different after every change of a merchant account.
SELECT concat(count(*), ' ', max(changed_at)) FROM kasir_accounts.account;

-- name: accounts()
SELECT name, tag, settings, is_enabled, tables, created_at FROM kasir_accounts.account
ORDER BY name;

-- name: add(name, tag, settings, now)$
INSERT INTO kasir_accounts.account (name, tag, settings, created_at, changed_at)
VALUES (:name, :tag, :settings, :now, :now)
ON CONFLICT DO NOTHING
RETURNING name;

-- name: change(name, settings, is_enabled, now)$
UPDATE kasir_accounts.account
SET settings = :settings, is_enabled = :is_enabled,
    -- Later than the stored time even if the clock was set back, so that the result of `state`
    -- changes.
    changed_at = greatest(:now, changed_at + interval '1 microsecond')
WHERE name = :name
RETURNING name;

-- name: disable(name, now)$
UPDATE kasir_accounts.account
SET is_enabled = false, changed_at = greatest(:now, changed_at + interval '1 microsecond')
WHERE name = :name
RETURNING name;

-- name: set_tables(name, tables)!
UPDATE kasir_accounts.account
SET tables = :tables, changed_at = greatest(now(), changed_at + interval '1 microsecond')
WHERE name = :name;
