-- name: open_link(id, request, created_at, expires_at, shop_key, fingerprint)^
-- No row comes back where the shop's key was used before, and nothing was written.
INSERT INTO payment_link (id, request, created_at, expires_at, shop_key, fingerprint)
VALUES (:id, :request::jsonb, :created_at, :expires_at, :shop_key, :fingerprint)
ON CONFLICT (shop_key) DO NOTHING
RETURNING id;

-- name: link_of_key(shop_key)^
SELECT id, fingerprint FROM payment_link WHERE shop_key = :shop_key;

-- name: link(id)^
SELECT id, request::text AS request, created_at, expires_at, expired_by_shop_at
FROM payment_link WHERE id = :id;

-- name: is_withdrawn(id)$
-- Waits for whoever is withdrawing it: then either they see what the asker opened, or the asker
-- sees that it is withdrawn.
SELECT expired_by_shop_at IS NOT NULL FROM payment_link WHERE id = :id FOR SHARE;

-- name: expire_link(id, now)!
UPDATE payment_link SET expired_by_shop_at = :now WHERE id = :id AND expired_by_shop_at IS NULL;
