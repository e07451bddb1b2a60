-- Orders without an answer are looked for every second.
CREATE INDEX run_open ON run (created) WHERE ended IS NULL;
