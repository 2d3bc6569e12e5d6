-- A hosted payment form. `request` is the shop's own words, passed on with each attempt.
CREATE TABLE payment_link (
    id         text PRIMARY KEY,
    request    jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    expired_by_shop_at timestamptz
);

-- What Adyen posted to us, as it came: the inbox. The key refuses the second of the same.
CREATE TABLE notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         bytea NOT NULL UNIQUE,
    -- standard: an item of a standard notification; tokens: a token notification. Sealed.
    kind        text NOT NULL,
    item        bytea NOT NULL,
    received_at timestamptz NOT NULL,
    -- unread: to be read; read: understood; ignored: kept on purpose without effect; unheard_of: a
    -- code this Kasir does not know; foreign: of no payment of ours; waiting: of one of several of
    -- ours, and cannot be told of which yet; held: it could not be read, see `error`.
    state       text NOT NULL DEFAULT 'unread',
    event_code  text NOT NULL,
    -- Adyen's names in it: the original's and its own.
    names       text[] NOT NULL,
    payment_id  text,
    error       text NOT NULL DEFAULT '',
    read_at     timestamptz
);
CREATE INDEX notice_unread ON notice (id) WHERE state = 'unread';
CREATE INDEX notice_unsettled ON notice (state, id) WHERE state IN ('held', 'waiting');

-- Keys shops call Kasir with. Only a hash is kept.
CREATE TABLE api_key (
    hash       bytea PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
