-- Whether the envelope of a standard notification has `live: true`, for real money. Null if the
-- envelope has no such field, in older rows, and in token notifications, whose encrypted `item` has
-- the field `environment` instead.
ALTER TABLE notice ADD COLUMN is_live boolean;

-- The shop's request for a link, encrypted, because it may contain the shopper's name, e-mail
-- address and telephone number. Older rows have the request unencrypted in `request`, until a
-- worker encrypts it; the index finds these rows.
ALTER TABLE payment_link ADD COLUMN sealed_request bytea;
ALTER TABLE payment_link ALTER COLUMN request DROP NOT NULL;
ALTER TABLE payment_link ADD CONSTRAINT payment_link_has_request
    CHECK (num_nonnulls(request, sealed_request) = 1);
CREATE INDEX payment_link_clear ON payment_link (id) WHERE request IS NOT NULL;

-- Whether a source that nobody can alter has named the token since it was last disabled or missing
-- from the provider's list. Such sources are the token webhook, whose signature covers the whole
-- body, and the provider's list. A token that only other sources name is checked in the provider's
-- list before it is charged.
ALTER TABLE token ADD COLUMN is_sure boolean NOT NULL DEFAULT false;
UPDATE token SET is_sure = true WHERE EXISTS (
    SELECT FROM token_fact AS sure
    WHERE sure.token_id = token.id AND sure.source IN ('token webhook', 'Adyen''s list')
          AND sure.says NOT IN ('disabled', 'not_listed')
          AND NOT EXISTS (
              SELECT FROM token_fact AS ended
              WHERE ended.token_id = token.id AND ended.says IN ('disabled', 'not_listed')
                    AND ended.at >= sure.at
          )
);

-- Blanks around an idempotency key are not a part of it, so they are removed. If several
-- idempotency keys differ only in blanks, only one row gets the trimmed key: the row that had no
-- blanks, else the oldest row. The other rows are not changed.
UPDATE shop_request SET key = plain
FROM (SELECT key AS given, btrim(key, E' \t') AS plain,
             row_number() OVER (PARTITION BY btrim(key, E' \t') ORDER BY at, key) AS place
      FROM shop_request WHERE key <> btrim(key, E' \t')) AS trimmed
WHERE shop_request.key = given AND place = 1 AND plain <> ''
    AND NOT EXISTS (SELECT FROM shop_request AS other WHERE other.key = plain);

UPDATE payment_link SET shop_key = plain
FROM (SELECT shop_key AS given, btrim(shop_key, E' \t') AS plain,
             row_number() OVER (PARTITION BY btrim(shop_key, E' \t')
                                ORDER BY created_at, shop_key) AS place
      FROM payment_link WHERE shop_key <> btrim(shop_key, E' \t')) AS trimmed
WHERE payment_link.shop_key = given AND place = 1 AND plain <> ''
    AND NOT EXISTS (SELECT FROM payment_link AS other WHERE other.shop_key = plain);
