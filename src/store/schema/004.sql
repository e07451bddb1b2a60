-- An observation says where its line stands; the line itself is kept as a sample of its incident, and nowhere else.
ALTER TABLE observation DROP COLUMN sample;
-- What an incident saw last is found by its people.
DROP INDEX observation_incident;

-- Parts of batches that are too large for one transaction. When the last part of a batch is here its source's position
-- moves; then each part is counted, and taken out by the transaction that counts it.
CREATE TABLE received (
  id         INTEGER PRIMARY KEY,
  host       TEXT NOT NULL,
  source     TEXT NOT NULL,
  start      INTEGER NOT NULL,
  stop       INTEGER NOT NULL,
  part       INTEGER NOT NULL,
  parts      INTEGER NOT NULL,
  whole      INTEGER NOT NULL DEFAULT 0,
  batch_json TEXT NOT NULL,
  UNIQUE (host, source, start, part)
) STRICT;
