-- What nobody can bound runs beside its like only where there is room for both.

-- 1 for a call of which nobody can tell the most that it may cost: server-side tools, media, work out
-- of sight.
ALTER TABLE call ADD COLUMN is_unbounded INTEGER NOT NULL DEFAULT 0
    CHECK (is_unbounded IN (0, 1));

-- 1 for one that waits for its like to end, and not for money: calls that are bounded pass it.
ALTER TABLE waiting ADD COLUMN for_its_like INTEGER NOT NULL DEFAULT 0
    CHECK (for_its_like IN (0, 1));
