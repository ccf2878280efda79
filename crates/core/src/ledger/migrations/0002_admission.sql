-- Admission near a limit: waiting, decisions that can be explained, pauses, plans, runs.

-- What each budget that looked at the call holds for it and, once it has ended, charged it:
-- [[budget_seq, period_start_ms, held, charged or null], ...]. It is read with its call or not at
-- all, so it is a part of the call's row.
ALTER TABLE call ADD COLUMN shares TEXT;
UPDATE call SET shares = (
    SELECT json_group_array(json_array(s.budget_seq, s.period_start_ms, s.held, s.charged))
    FROM call_budget s WHERE s.call_seq = call.seq)
WHERE seq IN (SELECT call_seq FROM call_budget);
DROP TABLE call_budget;

-- The proven bound on its prompt tokens: beside what was billed it tells how far bounds are off.
ALTER TABLE call ADD COLUMN input_tokens_max INTEGER;
-- How often a refused call was asked again and refused again without a row of its own.
ALTER TABLE call ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
-- The `outlay run` that it belongs to.
ALTER TABLE call ADD COLUMN run_id INTEGER REFERENCES dimension (id);

-- The queue before a budget: who waits for money that running calls hold, by ticket (the call's
-- seq). The call's row says `waiting`.
CREATE TABLE waiting (
    budget_seq INTEGER NOT NULL REFERENCES budget (seq),
    call_seq   INTEGER NOT NULL REFERENCES call (seq),
    since_ms   INTEGER NOT NULL,
    PRIMARY KEY (budget_seq, call_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_call ON waiting (call_seq);

-- Why a call was refused, made to wait, capped or ended: the budgets as they stood, as JSON. Calls
-- that had room have none.
CREATE TABLE decision (
    call_seq INTEGER NOT NULL REFERENCES call (seq),
    turn     INTEGER NOT NULL,
    at_ms    INTEGER NOT NULL,
    json     TEXT NOT NULL,
    PRIMARY KEY (call_seq, turn)
) STRICT, WITHOUT ROWID;

-- A paused budget counts and does not refuse; NULL until: till it is resumed.
ALTER TABLE budget ADD COLUMN paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1));
ALTER TABLE budget ADD COLUMN paused_until_ms INTEGER;
-- The plan that set it, if one did.
ALTER TABLE budget ADD COLUMN plan TEXT;
-- The process whose end removes it: the budget of one run.
ALTER TABLE budget ADD COLUMN owner BLOB REFERENCES process (id);

-- The plan in use.
ALTER TABLE ledger ADD COLUMN plan TEXT;

-- Times in which no limit refuses.
CREATE TABLE bypass (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    machine_id BLOB NOT NULL REFERENCES machine (id),
    from_ms    INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    why        TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX bypass_until ON bypass (until_ms);
