-- A payment: the intent (never changes), where it stands (a fold over its facts, cached here in
-- the same transaction that adds one), what the shop was told, and what is due.
CREATE TABLE payment (
    id                text PRIMARY KEY,
    reference         text NOT NULL,
    currency          text NOT NULL,
    minor_units       bigint NOT NULL CHECK (minor_units > 0),
    method            text NOT NULL,
    return_url        text NOT NULL,
    shopper_reference text NOT NULL,
    link_id           text,
    captures_itself   boolean NOT NULL,
    -- Of a payment that makes a token or charges one: what for, and what the shopper agreed to.
    model             text NOT NULL,
    consent           text NOT NULL,
    created_at        timestamptz NOT NULL,
    close_at          timestamptz NOT NULL,

    status            text NOT NULL,
    psp_reference     text NOT NULL DEFAULT '',
    captured          bigint NOT NULL DEFAULT 0,
    refunded          bigint NOT NULL DEFAULT 0,

    -- The last status the shop was told, and when news that is held back is to be told.
    told_status       text NOT NULL,
    tell_at           timestamptz,
    -- When an attempt that nobody finished is to be closed; null once it has ended.
    close_due_at      timestamptz
);
CREATE INDEX payment_reference ON payment (reference, created_at);
CREATE INDEX payment_of_link ON payment (link_id, created_at) WHERE link_id IS NOT NULL;
CREATE INDEX payment_to_tell ON payment (tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX payment_to_close ON payment (close_due_at) WHERE close_due_at IS NOT NULL;

-- What was learnt of a payment. Rows are appended, never changed: the key refuses the second.
CREATE TABLE fact (
    payment_id    text NOT NULL REFERENCES payment (id),
    key           text NOT NULL,
    says          text NOT NULL,
    source        text NOT NULL,
    at            timestamptz NOT NULL,
    about         text NOT NULL,
    psp_reference text NOT NULL,
    modification  text NOT NULL,
    currency      text,
    minor_units   bigint,
    words         text NOT NULL,
    heard_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (payment_id, key)
);
CREATE INDEX fact_psp_reference ON fact (psp_reference) WHERE psp_reference <> '';

-- A call to the provider, written down before it is made. `asked_at` moves when it is asked again;
-- the words and the key never change. An answer is kept once and given to all who ask.
CREATE TABLE question (
    key            text PRIMARY KEY,
    kind           text NOT NULL,
    payment_id     text REFERENCES payment (id),
    version        smallint NOT NULL,
    path           text NOT NULL,
    body           bytea NOT NULL, -- Sealed, as is the answer: they may hold tokens.
    opened_at      timestamptz NOT NULL,
    asked_at       timestamptz NOT NULL,
    -- When a worker asks again, while there is no answer; null once it has been given up.
    ask_again_at   timestamptz,
    tries          integer NOT NULL DEFAULT 0,
    status         smallint,
    answer         bytea,
    answer_psp     text NOT NULL DEFAULT '',
    -- The attempt a details answer named, when it could not yet be told whose it is.
    psp_reference  text NOT NULL DEFAULT ''
);
CREATE INDEX question_payment ON question (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX question_open ON question (ask_again_at) WHERE status IS NULL;
CREATE INDEX question_orphan ON question (psp_reference)
    WHERE payment_id IS NULL AND psp_reference <> '';

-- The shops' own idempotency keys. One row per key, forever: the key decides, not the clock.
CREATE TABLE shop_request (
    key          text PRIMARY KEY,
    fingerprint  bytea NOT NULL,
    question_key text NOT NULL,
    at           timestamptz NOT NULL
);
