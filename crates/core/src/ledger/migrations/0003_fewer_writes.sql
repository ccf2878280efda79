-- What every call pays for.

-- Every commit wrote it; SQLite's own `data_version` tells the same.
ALTER TABLE ledger DROP COLUMN revision;

-- A list of more than two makes SQLite build a table of it for every row that is written.
DROP INDEX call_ended_early;
CREATE INDEX call_ended_early ON call (status, provider_id, error_kind, refusal)
    WHERE status <> 'settled' AND status <> 'running';

-- Coarse sums are made when a day is over, not with every call: the first day that has none yet.
ALTER TABLE ledger ADD COLUMN days_until INTEGER NOT NULL DEFAULT 0;
UPDATE ledger SET days_until = coalesce((SELECT max(day) + 1 FROM rollup_day), 0);
