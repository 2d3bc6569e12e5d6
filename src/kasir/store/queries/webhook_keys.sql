-- name: last_asked()^
SELECT webhook_id, kept_at IS NOT NULL AS is_kept, check_value
FROM webhook_key ORDER BY id DESC LIMIT 1;

-- name: sealed_keys()
-- The keys that are accepted, newest first.
SELECT key FROM webhook_key WHERE key IS NOT NULL ORDER BY id DESC LIMIT 2;

-- name: ask(webhook_id, now)$
INSERT INTO webhook_key (webhook_id, asked_at) VALUES (:webhook_id, :now) RETURNING id;

-- name: withdraw(id)!
-- Adyen refused to generate the key.
DELETE FROM webhook_key WHERE id = :id AND kept_at IS NULL;

-- name: keep(id, key, now)!
UPDATE webhook_key SET key = :key, kept_at = :now WHERE id = :id;

-- name: forget()!
-- Removes all keys but the last two.
UPDATE webhook_key SET key = NULL
WHERE key IS NOT NULL AND id NOT IN (
    SELECT id FROM webhook_key WHERE key IS NOT NULL ORDER BY id DESC LIMIT 2
);

-- name: note_check_value(id, check_value)!
UPDATE webhook_key SET check_value = :check_value WHERE id = :id;

-- name: last_notice_id()$
SELECT coalesce(max(id), 0) FROM notice;

-- name: is_stored(name, event_date)$
-- Whether a standard notification with this pspReference and this date is stored.
SELECT EXISTS (
    SELECT FROM notice
    WHERE names @> ARRAY[:name]::text[] AND kind = 'standard' AND event_date = :event_date
);
