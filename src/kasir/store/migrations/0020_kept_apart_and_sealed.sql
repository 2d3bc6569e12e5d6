-- Whether the envelope of a standard notification said that it is real money. Null where it did not
-- say, in token notifications (which say it in what is sealed), and in older rows.
ALTER TABLE notice ADD COLUMN is_live boolean;

-- What a shop asked of a link, sealed: it may hold the shopper's name, e-mail and telephone. Rows from
-- before hold it in `request`, in the clear, until a worker has sealed them; the index finds those.
ALTER TABLE payment_link ADD COLUMN sealed_request bytea;
ALTER TABLE payment_link ALTER COLUMN request DROP NOT NULL;
ALTER TABLE payment_link ADD CONSTRAINT payment_link_has_request
    CHECK (num_nonnulls(request, sealed_request) = 1);
CREATE INDEX payment_link_clear ON payment_link (id) WHERE request IS NOT NULL;

-- Whether a token was told of by something that nobody can have altered, since it was last gone: the
-- token webhook, which is sealed whole, or the provider's list. What else names one is checked there
-- before it is charged.
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

-- A blank around an idempotency key is no part of it. Where keys differ by that alone, the one without
-- blanks is the key, or else the oldest; the others stay as they are.
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
