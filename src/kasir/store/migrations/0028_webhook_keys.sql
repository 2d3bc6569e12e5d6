-- The HMAC keys of the standard webhook that `kasir setup` lets Adyen generate. A row is written
-- before Adyen is asked, so a key whose answer was lost is known to be lost.
CREATE TABLE webhook_key (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id  text NOT NULL,
    asked_at    timestamptz NOT NULL,
    -- When the answer was stored; null without an answer.
    kept_at     timestamptz,
    -- The key, sealed. Null without an answer, for keys before the last two, and in an account of the
    -- database, whose settings have the key.
    key         bytea,
    -- The webhook's hmacKeyCheckValue with this key; null if it was not read.
    check_value text
);
