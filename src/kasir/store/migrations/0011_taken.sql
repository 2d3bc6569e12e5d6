-- A look marks what it takes in a column that no index knows, on pages with room for the mark: so it
-- costs one write of the row, and none of its indexes grows.
ALTER TABLE subscription ADD COLUMN taken_until timestamptz;
ALTER TABLE subscription SET (fillfactor = 80);
