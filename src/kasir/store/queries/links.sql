-- name: open_link(id, sealed_request, created_at, expires_at, shop_key, fingerprint)^
-- If the shop's idempotency key was used before, nothing is written and no row is returned.
INSERT INTO payment_link (id, sealed_request, created_at, expires_at, shop_key, fingerprint)
VALUES (:id, :sealed_request, :created_at, :expires_at, :shop_key, :fingerprint)
ON CONFLICT (shop_key) DO NOTHING
RETURNING id;

-- name: open_links(ids, sealed_requests, created_ats, expires_ats)!
-- For links that Kasir makes itself; they have no idempotency key of the shop.
INSERT INTO payment_link (id, sealed_request, created_at, expires_at)
SELECT * FROM unnest(:ids::text[], :sealed_requests::bytea[], :created_ats::timestamptz[],
                     :expires_ats::timestamptz[]);

-- name: link_of_key(shop_key)^
SELECT id, fingerprint FROM payment_link WHERE shop_key = :shop_key;

-- name: link(id)^
SELECT id, request::text AS request, sealed_request, created_at, expires_at, expired_by_shop_at
FROM payment_link WHERE id = :id;

-- name: links(before, most)
-- The newest links, by their ids, which begin with their time; those before the id `before`, if it
-- is not empty. `statuses` are those of their payments.
SELECT link.id, request::text AS request, sealed_request, created_at, expires_at,
       expired_by_shop_at,
       ARRAY(SELECT DISTINCT status FROM payment WHERE link_id = link.id) AS statuses
FROM payment_link AS link
WHERE :before = '' OR id < :before
ORDER BY id DESC LIMIT :most;

-- name: is_withdrawn(id)$
-- Waits for a transaction that is withdrawing the link, and then sees its result. A transaction
-- that withdraws the link later waits for the caller, and then sees the attempt that the caller
-- opened.
SELECT expired_by_shop_at IS NOT NULL FROM payment_link WHERE id = :id FOR SHARE;

-- name: expire_links(ids, now)!
-- A link that is withdrawn already keeps the time of its withdrawal. Rows are locked in the order
-- of their ids, so that two transactions that lock several never deadlock.
UPDATE payment_link SET expired_by_shop_at = :now
WHERE id IN (
    SELECT id FROM payment_link WHERE id = ANY (:ids::text[]) AND expired_by_shop_at IS NULL
    ORDER BY id FOR UPDATE
);

-- name: marks(link_ids, payment_ids)
-- A text for each link. The text changes when the link, its payments or their facts change. Facts
-- are only added, so counting them is enough. Of each link, only the newest payments and the
-- payments in `payment_ids` are read.
SELECT link.id, concat_ws(
    ' ', link.expired_by_shop_at, count(DISTINCT payment.id), count(fact.key)
) AS mark
FROM payment_link AS link
LEFT JOIN LATERAL (
    (SELECT id FROM payment WHERE link_id = link.id ORDER BY created_at DESC, id DESC LIMIT 20)
    UNION
    SELECT id FROM payment WHERE link_id = link.id AND id = ANY (:payment_ids::text[])
) AS payment ON true
LEFT JOIN fact ON fact.payment_id = payment.id
WHERE link.id = ANY (:link_ids::text[])
GROUP BY link.id;

-- name: clear_links(most)
-- Links of earlier versions of Kasir, whose requests are not encrypted yet.
SELECT id, request::text AS request FROM payment_link WHERE request IS NOT NULL
ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED;

-- name: seal_links(ids, sealed_requests)!
UPDATE payment_link SET request = NULL, sealed_request = sealed
FROM unnest(:ids::text[], :sealed_requests::bytea[]) AS one (link, sealed)
WHERE payment_link.id = link;
