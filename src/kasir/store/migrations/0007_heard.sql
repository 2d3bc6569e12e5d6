-- How often facts were recorded for a payment. 0 means that no fact was recorded since the payment
-- was opened. Then the first answer, which nearly always finds 0, can be stored without reading the
-- facts.
ALTER TABLE payment ADD COLUMN heard integer NOT NULL DEFAULT 1;
ALTER TABLE payment ALTER COLUMN heard SET DEFAULT 0;
