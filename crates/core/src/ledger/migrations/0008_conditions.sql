-- Alerts about what holds for a while: told when it begins, and again only after it was left.

CREATE TABLE condition (
    kind        TEXT NOT NULL,
    subject_key TEXT NOT NULL,
    since_ms    INTEGER NOT NULL,
    PRIMARY KEY (kind, subject_key)
) STRICT, WITHOUT ROWID;

-- The highest warn threshold, in percent, that was told in the period and is still reached.
ALTER TABLE counter ADD COLUMN told_percent INTEGER NOT NULL DEFAULT 0;

-- Warnings below a share of what was there after the last top-up, and that many hours before it is empty;
-- 0 hours for no such warning, NULL for the usual one.
ALTER TABLE account ADD COLUMN warn_percent INTEGER CHECK (warn_percent BETWEEN 1 AND 99);
ALTER TABLE account ADD COLUMN warn_hours INTEGER CHECK (warn_hours >= 0);
ALTER TABLE account ADD COLUMN full_pico INTEGER;
