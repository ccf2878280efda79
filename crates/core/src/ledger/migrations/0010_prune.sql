-- Old calls can be deleted; what they add up to stays.

-- Calls that ended before it may be gone, so that a log's entry from before is none of a new call; NULL where
-- none was ever deleted.
ALTER TABLE ledger ADD COLUMN kept_since_ms INTEGER;

-- Entries of tools' logs whose call is gone: they are known all the same.
CREATE TABLE forgotten (
    key BLOB PRIMARY KEY CHECK (length(key) = 16)
) STRICT, WITHOUT ROWID;

-- How many of those calls did not go their usual way, as `/metrics` counts them. '' is none.
CREATE TABLE forgotten_ends (
    provider_id  INTEGER NOT NULL REFERENCES dimension (id),
    status       TEXT NOT NULL,
    error_kind   TEXT NOT NULL,
    refusal      TEXT NOT NULL,
    limit_action TEXT NOT NULL,
    -- With what was asked again and refused again.
    calls        INTEGER NOT NULL,
    call_rows    INTEGER NOT NULL,
    PRIMARY KEY (provider_id, status, error_kind, refusal, limit_action)
) STRICT, WITHOUT ROWID;
