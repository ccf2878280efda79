-- Alerts reach the user in several ways: each is tried by itself, and what came of it is kept.

CREATE TABLE delivery (
    alert_id     BLOB NOT NULL REFERENCES alert (id),
    -- `desktop`, `command`, `webhook HOST`.
    channel      TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- When it may be tried. Who tries it moves this on, so that nobody else does meanwhile; NULL once it
    -- has arrived or is given up.
    due_ms       INTEGER,
    delivered_ms INTEGER,
    -- Why the last attempt failed.
    error        TEXT,
    -- How many occurrences of the alert were told.
    told         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (alert_id, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (channel, due_ms) WHERE due_ms IS NOT NULL;

-- How often the same happened in its period.
ALTER TABLE alert ADD COLUMN occurrences INTEGER NOT NULL DEFAULT 1;
-- By how much the budget that it is about may be raised with one press, as typed.
ALTER TABLE alert ADD COLUMN raise_by TEXT;
ALTER TABLE alert ADD COLUMN raise_unit TEXT CHECK (raise_unit IN ('USD', 'tokens', 'calls'));
-- When the user said that it is seen to.
ALTER TABLE alert ADD COLUMN acknowledged_ms INTEGER;

-- `claimed_ms` is from now on when it was handed to its channels, for good.
UPDATE alert SET claimed_by = NULL, claimed_ms = NULL WHERE delivered_ms IS NULL AND error IS NULL;
DROP INDEX alert_undelivered;
CREATE INDEX alert_undelivered ON alert (at_ms)
    WHERE delivered_ms IS NULL AND error IS NULL AND claimed_ms IS NULL;
