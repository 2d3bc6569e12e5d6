-- Every try to deliver an event, and what came of it: `status` is the shop's answer, `error` what
-- happened where there was none. Added, never changed.
CREATE TABLE event_try (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id bigint NOT NULL REFERENCES event ON DELETE CASCADE,
    at       timestamptz NOT NULL,
    status   integer,
    error    text NOT NULL DEFAULT ''
);
CREATE INDEX event_try_of_event ON event_try (event_id, id);

-- When the last try had failed and no other was to follow; null again once it is sent anew. Of older
-- ones it was not written down: the tries of each took some three days.
ALTER TABLE event ADD COLUMN given_up_at timestamptz;
UPDATE event SET given_up_at = LEAST(now(), at + interval '3 days')
WHERE due_at IS NULL AND delivered_at IS NULL AND tries > 0;
CREATE INDEX event_given_up ON event (given_up_at) WHERE given_up_at IS NOT NULL;
