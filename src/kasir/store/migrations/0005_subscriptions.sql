-- What a shop sells by subscription. A plan never changes, so the terms of its subscriptions do not
-- change either.
CREATE TABLE plan (
    id                 text PRIMARY KEY,
    reference          text NOT NULL,
    currency           text NOT NULL,
    minor_units        bigint NOT NULL CHECK (minor_units > 0),
    unit               text NOT NULL,
    count              integer NOT NULL CHECK (count > 0),
    time_zone          text NOT NULL,
    trial_days         integer NOT NULL,
    trial_minor_units  bigint NOT NULL,
    cycles             integer,
    when_unpaid        text NOT NULL,
    notice_days        integer NOT NULL,
    created_at         timestamptz NOT NULL
);
CREATE INDEX plan_reference ON plan (reference, created_at);

-- A subscription. The columns up to `starts_at` are the agreed terms, which never change. The
-- columns from `state` on are the current state. A transaction that changes a row locks the row
-- before it reads it, and keeps the lock until the commit.
CREATE TABLE subscription (
    id                text PRIMARY KEY,
    plan_id           text NOT NULL REFERENCES plan (id),
    reference         text NOT NULL,
    shopper_reference text NOT NULL,
    return_url        text NOT NULL,
    created_at        timestamptz NOT NULL,
    starts_at         timestamptz,

    state             text NOT NULL,
    -- What the next period costs.
    minor_units       bigint NOT NULL CHECK (minor_units > 0),
    begun_at          timestamptz,
    -- Period `anchor_period` begins at `anchor`; the others follow by the plan's calendar.
    anchor            timestamptz,
    anchor_period     integer NOT NULL DEFAULT 1,
    -- The number of the last period that was paid, missed or given up (0021 renames this column),
    -- and the number of the last period that an event announced.
    dealt             integer NOT NULL,
    noticed           integer NOT NULL DEFAULT 0,
    cancel_at         timestamptz,
    behind_since      timestamptz,
    token_id          text REFERENCES token (id),
    -- When the next step is due; null if none is. A search for due subscriptions reads only the
    -- index on this column, so its cost depends on how many are due and not on how many exist.
    due_at            timestamptz
);
CREATE INDEX subscription_due ON subscription (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX subscription_of_shopper ON subscription (shopper_reference);
CREATE INDEX subscription_reference ON subscription (reference);

-- A renewal: one period of one subscription. The primary key prevents a second renewal of a period.
CREATE TABLE renewal (
    subscription_id text NOT NULL REFERENCES subscription (id),
    period          integer NOT NULL,
    due_at          timestamptz NOT NULL,
    currency        text NOT NULL,
    minor_units     bigint NOT NULL,
    reference       text NOT NULL,
    outcome         text NOT NULL,
    next_try        timestamptz,
    link_id         text NOT NULL DEFAULT '',
    PRIMARY KEY (subscription_id, period)
);

-- The attempts to pay a renewal, in order. An attempt that the shopper is to pay is written before
-- its payment: when the payment is opened, the payment is found by `shop_key`, an idempotency key.
-- `told` is true once a refusal was handled (0021 renames this column). `payment_id` is no foreign
-- key, because a foreign key would lock the payment after the subscription; all other transactions
-- lock the payment first.
CREATE TABLE renewal_attempt (
    subscription_id text NOT NULL,
    period          integer NOT NULL,
    number          integer NOT NULL,
    at              timestamptz NOT NULL,
    asked_at        timestamptz NOT NULL,
    status          text NOT NULL,
    told            boolean NOT NULL DEFAULT false,
    payment_id      text UNIQUE,
    shop_key        text,
    PRIMARY KEY (subscription_id, period, number),
    FOREIGN KEY (subscription_id, period) REFERENCES renewal (subscription_id, period)
);

-- Every move of a subscription and every change of its amount. The metrics are sums over these
-- rows.
CREATE TABLE subscription_change (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id text NOT NULL REFERENCES subscription (id),
    at              timestamptz NOT NULL,
    was             text NOT NULL,
    now_is          text NOT NULL,
    move            text NOT NULL,
    -- The monthly revenue of the subscription before and after the change, in minor units, not
    -- rounded.
    monthly_was     numeric NOT NULL,
    monthly_now     numeric NOT NULL
);
CREATE INDEX subscription_change_at ON subscription_change (at);
CREATE INDEX subscription_change_of ON subscription_change (subscription_id, id);

-- Limits the rate of renewals per merchant account, by the clock of the database server.
CREATE TABLE pace (
    merchant_account text PRIMARY KEY,
    -- The time up to which the rate is used.
    given_until      timestamptz NOT NULL
);
