-- Raw lines go by their age.
CREATE INDEX sample_at ON sample (at);
