-- What a shop sells by subscription. A plan never changes: a subscription goes on as agreed.
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

-- A subscription. What was agreed stands first and never changes; below it, how far it has come.
-- Whoever changes a row holds its lock from reading it to the commit.
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
    -- The last period that was paid, missed or given up, and the last one announced.
    dealt             integer NOT NULL,
    noticed           integer NOT NULL DEFAULT 0,
    cancel_at         timestamptz,
    behind_since      timestamptz,
    token_id          text REFERENCES token (id),
    -- When there is something to do next; null where nothing is. Its index is all that a look
    -- reads, so a look costs what is due and not what exists.
    due_at            timestamptz
);
CREATE INDEX subscription_due ON subscription (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX subscription_of_shopper ON subscription (shopper_reference);
CREATE INDEX subscription_reference ON subscription (reference);

-- One period of one subscription, to be paid once: the key refuses the second.
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

-- The payments of a renewal, in order. One that the shopper is to pay is written before its payment
-- is: `shop_key` finds it then. `told`: what its refusal leads to was done. No foreign key to
-- payment: it would lock that row, and whoever hears of a payment locks it before the subscription.
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

-- Every move of every subscription, and every change of its amount: the figures are sums of these.
CREATE TABLE subscription_change (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id text NOT NULL REFERENCES subscription (id),
    at              timestamptz NOT NULL,
    was             text NOT NULL,
    now_is          text NOT NULL,
    move            text NOT NULL,
    -- What it brings in a month, in minor units, before and after; unrounded.
    monthly_was     numeric NOT NULL,
    monthly_now     numeric NOT NULL
);
CREATE INDEX subscription_change_at ON subscription_change (at);
CREATE INDEX subscription_change_of ON subscription_change (subscription_id, id);

-- How fast each merchant account is called for renewals, by this server's own clock.
CREATE TABLE pace (
    merchant_account text PRIMARY KEY,
    -- Calls up to this moment have been given out.
    given_until      timestamptz NOT NULL
);
