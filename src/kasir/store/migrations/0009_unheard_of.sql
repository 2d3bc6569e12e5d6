-- Event codes that this Kasir does not know are counted for the metrics without reading the rest.
CREATE INDEX notice_unheard_of ON notice (id) WHERE state = 'unheard_of';
