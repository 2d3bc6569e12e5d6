-- Events for the shop. An event is written in the same transaction as the change that it reports,
-- and delivered afterwards.
CREATE TABLE event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Readers page by id. An id is assigned before its transaction commits, so a reader stops
    -- before the events of the oldest open transaction. Otherwise an event with a smaller id could
    -- appear after the reader has read a larger id.
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    name        text NOT NULL UNIQUE,
    -- The payment, token or subscription that changed. The events of one subject are delivered in
    -- order.
    subject     text NOT NULL,
    type        text NOT NULL,
    at          timestamptz NOT NULL,
    payload     bytea NOT NULL,
    tries       integer NOT NULL DEFAULT 0,
    -- When the event is next sent; null once the event was delivered or given up.
    due_at      timestamptz,
    delivered_at timestamptz
);
CREATE INDEX event_due ON event (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX event_of_subject ON event (subject, id);
