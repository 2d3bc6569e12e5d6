-- The merchant accounts that an operator added, besides the one whose settings are in the
-- environment. Each merchant account has its own schema.
CREATE TABLE kasir_accounts.account (
    name text PRIMARY KEY,
    -- The short name of the merchant account. It is a part of its link ids, of its API keys and of
    -- the name of its schema.
    tag text NOT NULL UNIQUE,
    -- The settings of the merchant account: a JSON object of environment variables, encrypted.
    settings bytea NOT NULL,
    is_enabled boolean NOT NULL DEFAULT true,
    -- The version of the tables in the schema of the merchant account; empty before they exist.
    tables text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
