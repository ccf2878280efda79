-- What every call pays for.

-- Every commit wrote it; SQLite's own `data_version` tells the same.
ALTER TABLE ledger DROP COLUMN revision;

-- A list of more than two makes SQLite build a table of it for every row that is written.
DROP INDEX call_ended_early;
CREATE INDEX call_ended_early ON call (status, provider_id, error_kind, refusal)
    WHERE status <> 'settled' AND status <> 'running';
