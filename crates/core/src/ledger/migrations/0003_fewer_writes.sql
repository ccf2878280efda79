-- Every commit wrote it; SQLite's own `data_version` tells the same.
ALTER TABLE ledger DROP COLUMN revision;
