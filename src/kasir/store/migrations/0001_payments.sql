-- A payment: the intent (never changes) and where it stands (a fold over its facts, cached here in
-- the same transaction that adds one).
CREATE TABLE payment (
    id                text PRIMARY KEY,
    reference         text NOT NULL,
    currency          text NOT NULL,
    minor_units       bigint NOT NULL CHECK (minor_units > 0),
    method            text NOT NULL,
    return_url        text NOT NULL,
    shopper_reference text NOT NULL,
    link_id           text,
    created_at        timestamptz NOT NULL,
    status            text NOT NULL,
    psp_reference     text NOT NULL DEFAULT '',
    captured          bigint NOT NULL DEFAULT 0,
    refunded          bigint NOT NULL DEFAULT 0
);
CREATE INDEX payment_reference ON payment (reference, created_at);
CREATE INDEX payment_of_link ON payment (link_id, created_at) WHERE link_id IS NOT NULL;

-- What was learnt of a payment. Rows are appended, never changed: the key refuses the second.
CREATE TABLE fact (
    payment_id    text NOT NULL REFERENCES payment (id),
    key           text NOT NULL,
    says          text NOT NULL,
    source        text NOT NULL,
    at            timestamptz NOT NULL,
    about         text NOT NULL,
    psp_reference text NOT NULL,
    currency      text,
    minor_units   bigint,
    words         text NOT NULL,
    heard_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (payment_id, key)
);

-- A call to the provider, written down before it is made. `asked_at` moves when it is asked again;
-- the words and the key never change. An answer is kept once and given to all who ask.
CREATE TABLE question (
    key            text PRIMARY KEY,
    kind           text NOT NULL,
    payment_id     text REFERENCES payment (id),
    version        smallint NOT NULL,
    path           text NOT NULL,
    body           bytea NOT NULL,
    asked_at       timestamptz NOT NULL,
    status         smallint,
    answer         bytea,
    answer_psp     text NOT NULL DEFAULT '',
    -- The attempt a details answer named, when it could not yet be told whose it is.
    psp_reference  text NOT NULL DEFAULT ''
);
CREATE INDEX question_payment ON question (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX question_orphan ON question (psp_reference)
    WHERE payment_id IS NULL AND psp_reference <> '';

-- The shops' own idempotency keys. One row per key, forever: the key decides, not the clock.
CREATE TABLE shop_request (
    key         text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    payment_id  text NOT NULL,
    at          timestamptz NOT NULL
);
