-- With these indexes, cleaning finds the oldest rows first; rows that were cleaned are in neither
-- index. The row of a notice is never deleted, because its `key` refuses a repeated delivery. Only
-- `item` is emptied, some time after the notice was read.
CREATE INDEX notice_to_empty ON notice (read_at) WHERE state = 'read' AND item <> '';
CREATE INDEX event_delivered ON event (delivered_at) WHERE delivered_at IS NOT NULL;

-- The operator looks up when the last notice of each kind came, and lists foreign and ignored
-- notices. With these indexes both are fast, however many notices there are.
CREATE INDEX notice_received ON notice (kind, received_at);
CREATE INDEX notice_of_others ON notice (state, id) WHERE state IN ('foreign', 'ignored');
