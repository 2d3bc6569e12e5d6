-- Every try to deliver an event, with its result: `status` is the HTTP status of the shop's answer,
-- or `error` says why there was no answer. Rows are added, never changed.
CREATE TABLE event_try (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id bigint NOT NULL REFERENCES event ON DELETE CASCADE,
    at       timestamptz NOT NULL,
    status   integer,
    error    text NOT NULL DEFAULT ''
);
CREATE INDEX event_try_of_event ON event_try (event_id, id);

-- When the event was given up, because its last try failed; null again when the event is resent.
-- For older events this time was not recorded. Their tries took about three days, so three days are
-- added to the time of the event.
ALTER TABLE event ADD COLUMN given_up_at timestamptz;
UPDATE event SET given_up_at = LEAST(now(), at + interval '3 days')
WHERE due_at IS NULL AND delivered_at IS NULL AND tries > 0;
CREATE INDEX event_given_up ON event (given_up_at) WHERE given_up_at IS NOT NULL;
