-- An import writes half as many b-trees: the row that it makes names its entry itself, and `logged` is
-- left with the entries whose rows are the proxy's.

-- The key of the entry that an import made this row of.
ALTER TABLE call ADD COLUMN log_key BLOB;
UPDATE call SET log_key = (SELECT key FROM logged WHERE call_seq = call.seq AND how = 0)
    WHERE seq IN (SELECT call_seq FROM logged WHERE how = 0);
DELETE FROM logged WHERE how = 0;
-- How many tokens they told of is nothing that anybody asks.
ALTER TABLE logged DROP COLUMN tokens;
CREATE UNIQUE INDEX call_logged ON call (log_key) WHERE log_key IS NOT NULL;

-- When the first call passed the proxy, as far as the rows up to `proxied_seq` tell. Written by imports,
-- which look only at what came since.
ALTER TABLE ledger ADD COLUMN proxied_ms INTEGER;
ALTER TABLE ledger ADD COLUMN proxied_seq INTEGER NOT NULL DEFAULT 0;
