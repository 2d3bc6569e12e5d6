-- For the metrics: counts the notices with an unknown event code without reading the other notices.
CREATE INDEX notice_unheard_of ON notice (id) WHERE state = 'unheard_of';
