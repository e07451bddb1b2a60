-- The truth, version 1. Times are epoch milliseconds unless a column says otherwise; JSON columns end in _json.

CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES ('installed', CAST(unixepoch('subsec') * 1000 AS INTEGER));

-- How far each generation of each log file has been counted. A batch is committed only where the last one ended.
CREATE TABLE source (
  -- Two hosts made from one image can have files of the same identity.
  host      TEXT NOT NULL,
  id        TEXT NOT NULL,
  path      TEXT NOT NULL,
  kind      TEXT NOT NULL,
  owner     TEXT,
  committed INTEGER NOT NULL,
  lines     INTEGER NOT NULL DEFAULT 0,
  unparsed  INTEGER NOT NULL DEFAULT 0,
  cut       INTEGER NOT NULL DEFAULT 0,
  bad       INTEGER NOT NULL DEFAULT 0,
  updated   INTEGER NOT NULL,
  PRIMARY KEY (host, id)
) STRICT;

-- The event store: what was seen, merged by key within one batch.
CREATE TABLE observation (
  id            INTEGER PRIMARY KEY,
  host          TEXT NOT NULL,
  source        TEXT NOT NULL,
  event         TEXT NOT NULL,
  user          TEXT,
  ip            TEXT,
  endpoint      TEXT,
  account       TEXT NOT NULL,
  count         INTEGER NOT NULL,
  -- How many of them the other log (the user's own, or the server's) had not told of.
  fresh         INTEGER NOT NULL,
  first         INTEGER NOT NULL,
  last          INTEGER NOT NULL,
  approximate   INTEGER NOT NULL,
  self_reported INTEGER NOT NULL,
  sample        TEXT NOT NULL,
  offset        INTEGER NOT NULL,
  incident      INTEGER
) STRICT;
CREATE INDEX observation_last ON observation (last);
CREATE INDEX observation_user ON observation (user, last);
CREATE INDEX observation_incident ON observation (incident, last);

-- The same by the hour, each denial once, for pages and reports; kept when the event store is thinned out.
CREATE TABLE hour (
  hour          INTEGER NOT NULL,
  host          TEXT NOT NULL,
  event         TEXT NOT NULL,
  user          TEXT NOT NULL,
  ip            TEXT NOT NULL,
  account       TEXT NOT NULL,
  self_reported INTEGER NOT NULL,
  incident      INTEGER NOT NULL,
  count         INTEGER NOT NULL,
  PRIMARY KEY (hour, host, event, user, ip, self_reported, incident)
) STRICT, WITHOUT ROWID;
CREATE INDEX hour_user ON hour (user, hour);

-- Who was refused, from where and how often: folded from the event store up to the observation that `meta.folded` names.
-- Lists and pictures are made of these, so that no page ever counts a million rows.
INSERT INTO meta VALUES ('folded', 0);
CREATE TABLE person (
  name    TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  count   INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX person_last ON person (account, last, name);
CREATE INDEX person_count ON person (count);
CREATE TABLE address (
  ip      TEXT PRIMARY KEY,
  count   INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX address_last ON address (last, ip);
CREATE INDEX address_count ON address (count);
-- Denials the server told of: a user's own log knows no address.
CREATE TABLE place (
  user    TEXT NOT NULL,
  hour    INTEGER NOT NULL,
  ip      TEXT NOT NULL,
  count   INTEGER NOT NULL,
  last    INTEGER NOT NULL,
  PRIMARY KEY (user, hour, ip)
) STRICT, WITHOUT ROWID;
CREATE INDEX place_ip ON place (ip, hour);
-- Per incident (0: none) by the hour; what both logs told of is one.
CREATE TABLE incident_hour (
  hour     INTEGER NOT NULL,
  incident INTEGER NOT NULL,
  event    TEXT NOT NULL,
  count    INTEGER NOT NULL,
  PRIMARY KEY (hour, incident, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_hour_incident ON incident_hour (incident, hour);
-- Lines by what they said and who wrote them.
CREATE TABLE line_hour (
  hour          INTEGER NOT NULL,
  event         TEXT NOT NULL,
  self_reported INTEGER NOT NULL,
  count         INTEGER NOT NULL,
  last          INTEGER NOT NULL,
  PRIMARY KEY (hour, event, self_reported)
) STRICT, WITHOUT ROWID;

CREATE TABLE incident (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  kind           TEXT NOT NULL,
  key            TEXT NOT NULL,
  host           TEXT NOT NULL,
  event          TEXT NOT NULL,
  state          TEXT NOT NULL,
  cause          TEXT,
  count          INTEGER NOT NULL DEFAULT 0,
  users          INTEGER NOT NULL DEFAULT 0,
  opened         INTEGER NOT NULL,
  updated        INTEGER NOT NULL,
  last           INTEGER NOT NULL,
  tier           INTEGER,
  serial         INTEGER NOT NULL DEFAULT 0,
  inhibited_by   INTEGER,
  held           INTEGER NOT NULL DEFAULT 0,
  -- Who took it over: while somebody has, nothing is offered.
  taken_by       TEXT,
  -- When the access that is proposed here is to end, where somebody asked for that; a plan made anew has it too.
  ends           INTEGER,
  -- Test jobs that passed after the last change, with the time of that change: nobody has to pass them twice.
  proved_json    TEXT,
  -- When the conductor looks again; null: only when something happens.
  due            INTEGER,
  attempts       INTEGER NOT NULL DEFAULT 0,
  -- When the change took effect, for verification and for "time to access".
  changed        INTEGER,
  note           TEXT NOT NULL DEFAULT '',
  -- What a list says of the diagnosis and the plan. The two themselves are long and stand last: a list never reads them.
  title          TEXT GENERATED ALWAYS AS (json_extract(diagnosis_json, '$.title')) STORED,
  deed           TEXT GENERATED ALWAYS AS (json_extract(plan_json, '$.deed')) STORED,
  diagnosis_json TEXT,
  plan_json      TEXT
) STRICT;
CREATE INDEX incident_live ON incident (kind, key, host) WHERE state NOT IN ('resolved', 'expired', 'undone');
CREATE INDEX incident_key ON incident (kind, key, host, id);
CREATE INDEX incident_due ON incident (due) WHERE due IS NOT NULL;
CREATE INDEX incident_state ON incident (state);
CREATE INDEX incident_inhibited ON incident (inhibited_by) WHERE inhibited_by IS NOT NULL;
CREATE INDEX incident_updated ON incident (updated);
CREATE INDEX incident_cause ON incident (cause, opened, state);

-- Who and where inside an incident.
CREATE TABLE pair (
  incident      INTEGER NOT NULL,
  user          TEXT NOT NULL,
  ip            TEXT NOT NULL,
  endpoint      TEXT NOT NULL,
  self_reported INTEGER NOT NULL,
  account       TEXT NOT NULL,
  count         INTEGER NOT NULL,
  first         INTEGER NOT NULL,
  last          INTEGER NOT NULL,
  PRIMARY KEY (incident, user, ip, endpoint, self_reported)
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (
  id       INTEGER PRIMARY KEY,
  incident INTEGER NOT NULL,
  line     TEXT NOT NULL,
  source   TEXT NOT NULL,
  offset   INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  trust    TEXT NOT NULL
) STRICT;
CREATE INDEX sample_incident ON sample (incident);

CREATE TABLE plan (
  incident INTEGER NOT NULL,
  serial   INTEGER NOT NULL,
  digest   TEXT NOT NULL,
  created  INTEGER NOT NULL,
  expires  INTEGER NOT NULL,
  plan_json TEXT NOT NULL,
  PRIMARY KEY (incident, serial)
) STRICT, WITHOUT ROWID;

CREATE TABLE vote (
  id       TEXT PRIMARY KEY,
  incident INTEGER NOT NULL,
  serial   INTEGER NOT NULL,
  digest   TEXT NOT NULL,
  decision TEXT NOT NULL,
  by       TEXT NOT NULL,
  uid      INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  vote_json TEXT NOT NULL
) STRICT;
CREATE INDEX vote_incident ON vote (incident, serial);

-- A denied change is not offered again until then, whoever asks.
CREATE TABLE denied_digest (digest TEXT PRIMARY KEY, until INTEGER NOT NULL, incident INTEGER NOT NULL) STRICT;

CREATE TABLE run (
  id           TEXT PRIMARY KEY,
  incident     INTEGER NOT NULL,
  serial       INTEGER NOT NULL,
  what         TEXT NOT NULL,
  host         TEXT NOT NULL,
  order_json   TEXT NOT NULL,
  created      INTEGER NOT NULL,
  started      INTEGER,
  ended        INTEGER,
  outcome_json TEXT
) STRICT;
CREATE INDEX run_incident ON run (incident);

-- What must still be sent. The key makes every message once; Redis and SMTP only ring.
CREATE TABLE outbox (
  id       INTEGER PRIMARY KEY,
  key      TEXT NOT NULL UNIQUE,
  channel  TEXT NOT NULL,
  incident INTEGER,
  payload_json TEXT NOT NULL,
  created  INTEGER NOT NULL,
  due      INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  done     INTEGER,
  result   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_due ON outbox (due) WHERE done IS NULL;
CREATE INDEX outbox_done ON outbox (channel, done);
CREATE INDEX outbox_incident ON outbox (incident);

-- Every transition and every act of a person: a hash chain.
CREATE TABLE journal (
  seq         INTEGER PRIMARY KEY,
  time        TEXT NOT NULL,
  actor       TEXT NOT NULL,
  what        TEXT NOT NULL,
  incident    INTEGER,
  plan        TEXT,
  before_json TEXT NOT NULL,
  after_json  TEXT NOT NULL,
  previous    TEXT NOT NULL,
  digest      TEXT NOT NULL
) STRICT;
CREATE INDEX journal_incident ON journal (incident);

-- History of the scheduler's config and of the groups, as the agents saw them.
CREATE TABLE config_seen (
  id    INTEGER PRIMARY KEY,
  host  TEXT NOT NULL,
  at    INTEGER NOT NULL,
  hash  TEXT NOT NULL,
  valid INTEGER NOT NULL,
  mode  TEXT,
  groups_json TEXT NOT NULL,
  snapshot_json TEXT NOT NULL
) STRICT;
CREATE INDEX config_seen_host ON config_seen (host, id);
CREATE TABLE membership (
  host    TEXT NOT NULL,
  "group" TEXT NOT NULL,
  user    TEXT NOT NULL,
  since   INTEGER NOT NULL,
  until   INTEGER,
  -- The run that made or ended it, when it was ours.
  added_by   TEXT,
  removed_by TEXT,
  -- Seen from the start: nobody saw it being added.
  initial INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX membership_key ON membership (host, "group", user);
CREATE INDEX membership_user ON membership (user, since);
CREATE TABLE group_seen (host TEXT NOT NULL, "group" TEXT NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (host, "group")) STRICT;

CREATE TABLE access_grant (
  id       TEXT PRIMARY KEY,
  user     TEXT NOT NULL,
  uid      INTEGER NOT NULL,
  "group"  TEXT NOT NULL,
  host     TEXT NOT NULL,
  incident INTEGER NOT NULL,
  run      TEXT NOT NULL,
  by_json  TEXT NOT NULL,
  reason   TEXT NOT NULL,
  entitlement TEXT,
  since    INTEGER NOT NULL,
  until    INTEGER,
  ended    INTEGER
) STRICT;
CREATE INDEX access_grant_user ON access_grant (user, since);
CREATE INDEX access_grant_since ON access_grant (ended IS NOT NULL, since);
CREATE INDEX access_grant_incident ON access_grant (incident);

CREATE TABLE told (user TEXT NOT NULL, cause TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX told_user ON told (user, at);

CREATE TABLE silence (
  id      INTEGER PRIMARY KEY,
  matcher_json TEXT NOT NULL,
  until   INTEGER NOT NULL,
  author  TEXT NOT NULL,
  reason  TEXT NOT NULL,
  created INTEGER NOT NULL
) STRICT;
CREATE TABLE maintenance (id INTEGER PRIMARY KEY, started INTEGER NOT NULL, ended INTEGER, author TEXT NOT NULL, reason TEXT NOT NULL) STRICT;

CREATE TABLE report (week TEXT PRIMARY KEY, queued INTEGER NOT NULL) STRICT;
CREATE TABLE agent (host TEXT PRIMARY KEY, seen INTEGER NOT NULL, health_json TEXT NOT NULL) STRICT;
CREATE TABLE blind (id INTEGER PRIMARY KEY, host TEXT NOT NULL, path TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, why TEXT NOT NULL) STRICT;

-- Signed-in people and unused sign-in links, by the hash of their secret.
CREATE TABLE session (id TEXT PRIMARY KEY, name TEXT NOT NULL, row_json TEXT NOT NULL, expires INTEGER NOT NULL) STRICT;

-- Tokens for programs, by the hash of their secret. With a person they act for that person, never for anybody else.
CREATE TABLE token (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  hash    TEXT NOT NULL UNIQUE,
  name    TEXT NOT NULL,
  role    TEXT NOT NULL,
  person  TEXT,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  used    INTEGER,
  revoked INTEGER
) STRICT;
