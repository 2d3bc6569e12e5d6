-- Every try to relay a notice, as event_try has those of events. Earlier tries were not stored.
-- `relay_id` has no foreign key constraint, and needs none: rows of `relay` are never deleted. With
-- one, the insert of a try would lock the row of `relay` after that of `relay_queue`, and could
-- deadlock with a removal from the queue.
CREATE TABLE relay_try (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relay_id bigint NOT NULL,
    at       timestamptz NOT NULL,
    status   integer,
    error    text NOT NULL DEFAULT ''
);
CREATE INDEX relay_try_of_relay ON relay_try (relay_id, id);
-- The index by which old tries are found.
CREATE INDEX relay_try_at ON relay_try (at);
-- The first index finds the notices that were settled since a given time, to send them again. The
-- second finds those in the rare states.
CREATE INDEX relay_settled ON relay (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX relay_left_out ON relay (state, id) WHERE state IN ('skipped', 'dropped');

-- The addresses to which nothing is sent for now: those of events, or of the relay. Messages to
-- them wait until the pause ends.
CREATE TABLE paused_address (
    name      text PRIMARY KEY CHECK (name IN ('events', 'relay')),
    paused_at timestamptz NOT NULL
);

-- Operators list deliveries by the type of the event.
CREATE INDEX event_of_type ON event (type, id);
-- Operators list disputed payments, newest first.
CREATE INDEX payment_disputed ON payment (created_at, id) WHERE disputed;
