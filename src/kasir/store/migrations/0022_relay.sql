-- The notices that are relayed to the shop's own Adyen handler. A row is written in the transaction
-- that stores the notice, and only while a relay is set, so earlier notices are never relayed. The
-- order of the ids is the order in which the notices came.
CREATE TABLE relay (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id  bigint NOT NULL UNIQUE REFERENCES notice,
    -- The header HmacSignature of a token notification; empty for the others.
    signature  text NOT NULL DEFAULT '',
    -- waiting: to be sent; accepted: the handler answered 2xx; skipped: KASIR_RELAY_SEND excludes
    -- the notice; dropped: an operator removed the notice from the queue.
    state      text NOT NULL DEFAULT 'waiting',
    settled_at timestamptz
);
CREATE INDEX relay_waiting ON relay (id) WHERE state = 'waiting';

-- The queue of the relay: one row. `holder` is a random token that identifies the job that may
-- send. The job may send only until `held_until`, by the database's clock.
CREATE TABLE relay_queue (
    is_only    boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    due_at     timestamptz NOT NULL DEFAULT '-infinity',
    failures   integer NOT NULL DEFAULT 0,
    tried_at   timestamptz,
    status     integer,
    error      text NOT NULL DEFAULT '',
    holder     text,
    held_until timestamptz
);
INSERT INTO relay_queue DEFAULT VALUES;
