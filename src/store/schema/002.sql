-- Passkeys that people registered on the page: good for signing in. Whether one's votes count, the approvers file says.
CREATE TABLE passkey (
  id      TEXT PRIMARY KEY,              -- the credential, base64url
  name    TEXT NOT NULL,                 -- whose
  key     TEXT NOT NULL UNIQUE,          -- public key, SPKI in base64
  label   TEXT NOT NULL,
  count   INTEGER NOT NULL,              -- the device's signature counter; 0 where it keeps none
  created INTEGER NOT NULL,
  used    INTEGER
) STRICT;
CREATE INDEX passkey_name ON passkey (name);
