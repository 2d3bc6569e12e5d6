-- Its money came for a period that needed none any more: another attempt had paid it, or it was
-- given up. The shop was told.
ALTER TABLE renewal_attempt ADD COLUMN surplus boolean NOT NULL DEFAULT false;
