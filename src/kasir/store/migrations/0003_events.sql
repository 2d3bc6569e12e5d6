-- What the shop is told: written in the transaction of the change itself, delivered afterwards.
CREATE TABLE event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Readers page by id. Ids are given out before commits, so they look no further than where
    -- every transaction has ended: then nothing can appear behind them.
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    name        text NOT NULL UNIQUE,
    -- The payment, token or subscription it tells of: its events are delivered in order.
    subject     text NOT NULL,
    type        text NOT NULL,
    at          timestamptz NOT NULL,
    payload     bytea NOT NULL,
    tries       integer NOT NULL DEFAULT 0,
    -- When delivery is next tried; null once it was delivered or given up.
    due_at      timestamptz,
    delivered_at timestamptz
);
CREATE INDEX event_due ON event (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX event_of_subject ON event (subject, id);
