-- A payment link: the URL of a hosted payment form. Each attempt is made from `request`, the shop's
-- request for the link.
CREATE TABLE payment_link (
    id         text PRIMARY KEY,
    request    jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    expired_by_shop_at timestamptz
);

-- The inbox: each item that Adyen's webhooks sent, unchanged. The unique `key` refuses an item that
-- is stored already.
CREATE TABLE notice (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         bytea NOT NULL UNIQUE,
    -- standard: an item of a standard notification; tokens: a token notification.
    kind        text NOT NULL,
    item        bytea NOT NULL, -- Encrypted.
    received_at timestamptz NOT NULL,
    -- unread: to be read; read: handled; ignored: stored, without effect on purpose; unheard_of:
    -- this version of Kasir does not know the event code; foreign: belongs to no payment of
    -- Kasir's; waiting: a change of an attempt that no payment has claimed yet; held: could not be
    -- read or matched to one payment, see `error`.
    state       text NOT NULL DEFAULT 'unread',
    event_code  text NOT NULL,
    -- The pspReferences in the item: that of the original payment, and that of the item itself.
    names       text[] NOT NULL,
    payment_id  text,
    error       text NOT NULL DEFAULT '',
    read_at     timestamptz
);
CREATE INDEX notice_unread ON notice (id) WHERE state = 'unread';
CREATE INDEX notice_unsettled ON notice (state, id) WHERE state IN ('held', 'waiting');

-- The API keys with which shops call Kasir. Only the hash of an API key is stored.
CREATE TABLE api_key (
    hash       bytea PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);
