-- A payment. The first columns are the intent, which never changes. The columns from `status` on
-- are the summary of the payment's facts (updated in each transaction that adds a fact), the last
-- status that the shop was notified of, and the due times.
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
    -- For a payment that creates or charges a token: the recurring processing model, and the
    -- consent text that the shopper saw. Empty for other payments.
    model             text NOT NULL,
    consent           text NOT NULL,
    created_at        timestamptz NOT NULL,
    close_at          timestamptz NOT NULL,

    status            text NOT NULL,
    psp_reference     text NOT NULL DEFAULT '',
    captured          bigint NOT NULL DEFAULT 0,
    refunded          bigint NOT NULL DEFAULT 0,

    -- The last status that the shop was notified of, and when an event that is held back is
    -- written.
    told_status       text NOT NULL,
    tell_at           timestamptz,
    -- When an unfinished attempt is closed; null once the payment's status is final.
    close_due_at      timestamptz
);
CREATE INDEX payment_reference ON payment (reference, created_at);
CREATE INDEX payment_of_link ON payment (link_id, created_at) WHERE link_id IS NOT NULL;
CREATE INDEX payment_to_tell ON payment (tell_at) WHERE tell_at IS NOT NULL;
CREATE INDEX payment_to_close ON payment (close_due_at) WHERE close_due_at IS NOT NULL;

-- What is known about a payment. Facts are added, never changed. The primary key refuses a fact
-- that is recorded already.
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

-- A call to the provider, stored before it is sent. A retry changes `asked_at`; `body` and `key`
-- (the idempotency key of the call) never change. The first final answer is stored, and every later
-- caller gets that answer.
CREATE TABLE question (
    key            text PRIMARY KEY,
    kind           text NOT NULL,
    payment_id     text REFERENCES payment (id),
    version        smallint NOT NULL,
    path           text NOT NULL,
    body           bytea NOT NULL, -- Encrypted, as is `answer`, because both may contain tokens.
    opened_at      timestamptz NOT NULL,
    asked_at       timestamptz NOT NULL,
    -- When a worker retries a call that has no answer; null if no worker retries the call.
    ask_again_at   timestamptz,
    tries          integer NOT NULL DEFAULT 0,
    status         smallint,
    answer         bytea,
    answer_psp     text NOT NULL DEFAULT '',
    -- The pspReference in an answer to `/payments/details`, if no payment owned that pspReference
    -- when the answer came.
    psp_reference  text NOT NULL DEFAULT ''
);
CREATE INDEX question_payment ON question (payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX question_open ON question (ask_again_at) WHERE status IS NULL;
CREATE INDEX question_orphan ON question (psp_reference)
    WHERE payment_id IS NULL AND psp_reference <> '';

-- The idempotency keys of the shop's requests. A row is never deleted, so a repeated idempotency
-- key is recognised at any later time.
CREATE TABLE shop_request (
    key          text PRIMARY KEY,
    fingerprint  bytea NOT NULL,
    question_key text NOT NULL,
    at           timestamptz NOT NULL
);
