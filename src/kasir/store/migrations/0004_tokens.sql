-- A token: a shopper's permission to be charged again. The provider's id of the token is encrypted,
-- and is found by its hash. The provider's id is long and random, so the hash does not reveal the
-- id.
CREATE TABLE token (
    id                  text PRIMARY KEY,
    merchant_account    text NOT NULL,
    shopper_reference   text NOT NULL,
    stored_hash         bytea NOT NULL,
    sealed_id           bytea NOT NULL,
    method              text NOT NULL,
    state               text NOT NULL DEFAULT 'active',
    first_psp_reference text NOT NULL DEFAULT '',
    created_at          timestamptz NOT NULL,
    UNIQUE (merchant_account, shopper_reference, stored_hash)
);
CREATE INDEX token_stored ON token (stored_hash);

-- What is known about a token. Facts are added, never changed.
CREATE TABLE token_fact (
    token_id      text NOT NULL REFERENCES token (id),
    key           text NOT NULL,
    says          text NOT NULL,
    source        text NOT NULL,
    at            timestamptz NOT NULL,
    psp_reference text NOT NULL,
    heard_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (token_id, key)
);

-- Shoppers who saved a wallet or agreed to. Kasir compares their tokens with the provider's list:
-- `look_at` is when the next comparison is due, and `looks` is how many comparisons were made.
CREATE TABLE shopper (
    shopper_reference text PRIMARY KEY,
    looks             integer NOT NULL DEFAULT 0,
    look_at           timestamptz NOT NULL
);
CREATE INDEX shopper_due ON shopper (look_at);
