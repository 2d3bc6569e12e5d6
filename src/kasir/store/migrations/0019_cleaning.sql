-- What is cleaned up is found here, oldest first; what was cleaned is in neither. A notice's row
-- stays for ever: its key refuses the second of the same. Its words go some time after it was read.
CREATE INDEX notice_to_empty ON notice (read_at) WHERE state = 'read' AND item <> '';
CREATE INDEX event_delivered ON event (delivered_at) WHERE delivered_at IS NOT NULL;

-- The rows of notices stay for ever, and the operator asks of each kind when the last came, and for
-- those of others: answered at once, however many there are.
CREATE INDEX notice_received ON notice (kind, received_at);
CREATE INDEX notice_of_others ON notice (state, id) WHERE state IN ('foreign', 'ignored');
