-- Whether the attempt was paid although its period was already paid by another attempt or given up.
-- An event notified the shop. (0021 renames this column to `overpaid`.)
ALTER TABLE renewal_attempt ADD COLUMN surplus boolean NOT NULL DEFAULT false;
