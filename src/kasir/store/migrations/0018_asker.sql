-- The number of the process that sent a call last. That process is alive as long as it has the
-- advisory lock with this number.
ALTER TABLE question ADD COLUMN asker integer;
