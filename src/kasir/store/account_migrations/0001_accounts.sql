-- The merchant accounts beside the one of the environment. Each has a schema of its own.
CREATE TABLE kasir_accounts.account (
    name text PRIMARY KEY,
    -- Short name: in the ids of links, in API keys, and in the name of the schema.
    tag text NOT NULL UNIQUE,
    -- The account's settings: a JSON object of environment variables, sealed.
    settings bytea NOT NULL,
    is_enabled boolean NOT NULL DEFAULT true,
    -- The version of the tables in the account's schema; empty before they exist.
    tables text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
