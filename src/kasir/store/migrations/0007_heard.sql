-- How often a payment heard news. 0 says that nobody wrote here since it was opened, so that the
-- first answer, which nearly always finds it so, can be kept without reading anything back.
ALTER TABLE payment ADD COLUMN heard integer NOT NULL DEFAULT 1;
ALTER TABLE payment ALTER COLUMN heard SET DEFAULT 0;
