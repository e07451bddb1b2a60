-- Of each source the latest line that was not understood: its text, or the bytes of a broken one; where it begins.
ALTER TABLE source ADD COLUMN strange_json TEXT;
