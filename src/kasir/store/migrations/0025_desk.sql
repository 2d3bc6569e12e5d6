-- The people of the desk, and what they did. People are the same for all accounts: their rows are
-- in the tables of the environment's account, and these tables are empty in every other schema.
CREATE TABLE person (
    -- Lower case.
    name text PRIMARY KEY,
    -- A hash by argon2.
    password text NOT NULL,
    -- The secret of the second factor, sealed: the one in use, and one that is not confirmed yet.
    totp bytea,
    totp_pending bytea,
    -- The time step of the last code that was used; a code of it or of an earlier one is refused.
    totp_step bigint NOT NULL DEFAULT 0,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL
);

-- What a person may do in an account: the merchant account's code, and view, act or admin.
CREATE TABLE person_role (
    person text NOT NULL REFERENCES person (name),
    account text NOT NULL,
    role text NOT NULL CHECK (role IN ('view', 'act', 'admin')),
    PRIMARY KEY (person, account)
);

-- A signed-in browser. The row is removed when the session ends.
CREATE TABLE person_session (
    -- The SHA-256 of the token in the cookie.
    hash bytea PRIMARY KEY,
    person text NOT NULL REFERENCES person (name),
    -- The account that the pages show; empty for the first one that the person may see.
    account text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX person_session_person ON person_session (person);
CREATE INDEX person_session_seen_at ON person_session (seen_at);

-- Wrong passwords, by name and by client address.
CREATE TABLE sign_in_guess (
    key text PRIMARY KEY,
    count integer NOT NULL,
    at timestamptz NOT NULL,
    -- Until then every guess is refused without a look at it.
    wait_until timestamptz NOT NULL
);
CREATE INDEX sign_in_guess_at ON sign_in_guess (at);

-- Every act on the desk: a row is added before the act, and gets its outcome after it, once.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    -- Whether it is a sign-in or an act on people. Such rows are with the people; `account` is the
    -- account whose admins may see it, and empty if those of every account of the person may.
    is_about_people boolean NOT NULL,
    account text NOT NULL,
    -- Who: a person's name, and their address.
    person text NOT NULL,
    address text NOT NULL,
    act text NOT NULL,
    -- What was acted on: an id or a name.
    subject text NOT NULL,
    -- Why: the person's own words.
    reason text NOT NULL,
    before jsonb NOT NULL,
    after jsonb,
    -- `started`, then `done` or `failed`.
    outcome text NOT NULL DEFAULT 'started' CHECK (outcome IN ('started', 'done', 'failed')),
    -- Why it failed.
    error text NOT NULL DEFAULT '',
    ended_at timestamptz
);
CREATE INDEX audit_newest ON audit (is_about_people, id DESC);

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.outcome = 'started' AND NEW.outcome <> 'started'
        AND (NEW.id, NEW.at, NEW.is_about_people, NEW.account, NEW.person, NEW.address, NEW.act,
             NEW.subject, NEW.reason, NEW.before)
        IS NOT DISTINCT FROM
            (OLD.id, OLD.at, OLD.is_about_people, OLD.account, OLD.person, OLD.address, OLD.act,
             OLD.subject, OLD.reason, OLD.before)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a row of the audit log is never changed or removed';
END
$$;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
