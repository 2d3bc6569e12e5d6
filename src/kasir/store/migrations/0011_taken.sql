-- A search for due subscriptions marks the rows that it takes. The mark is in a column without an
-- index, and the fill factor leaves space for it on the page, so a mark costs one write of the row
-- and no index grows.
ALTER TABLE subscription ADD COLUMN taken_until timestamptz;
ALTER TABLE subscription SET (fillfactor = 80);
