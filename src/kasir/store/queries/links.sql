-- name: open_link(id, request, created_at, expires_at)!
INSERT INTO payment_link (id, request, created_at, expires_at)
VALUES (:id, :request::jsonb, :created_at, :expires_at);

-- name: link(id)^
SELECT id, request::text AS request, created_at, expires_at, expired_by_shop_at
FROM payment_link WHERE id = :id;

-- name: expire_link(id, now)!
UPDATE payment_link SET expired_by_shop_at = :now WHERE id = :id AND expired_by_shop_at IS NULL;
