-- What caused an event, for the log lines and the trace of its delivery: the id of a request, and a
-- position in a trace; NULL where there is none.
ALTER TABLE event ADD COLUMN request_id text, ADD COLUMN traceparent text;
