-- Which call each entry of a tool's logs is, so that none is counted twice: not when it is read again,
-- nor when it stands in several files, nor when its call passed the proxy.
CREATE TABLE logged (
    -- A hash of the tool's name and of what it identifies the call by.
    key       BLOB PRIMARY KEY CHECK (length(key) = 16),
    -- Its row may be written after it.
    call_seq  INTEGER NOT NULL REFERENCES call (seq) DEFERRABLE INITIALLY DEFERRED,
    -- `import:<tool>`.
    source_id INTEGER NOT NULL REFERENCES dimension (id),
    -- 0: a row that the import made. The proxy's row, found 1: by the id of the answer, 2: by model,
    -- tokens and time.
    how       INTEGER NOT NULL CHECK (how IN (0, 1, 2)),
    -- All tokens of the entry: of several of one call that with the most is the whole one.
    tokens    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logged_call ON logged (call_seq);

-- How far each log was read.
CREATE TABLE log_file (
    path        TEXT PRIMARY KEY,
    tool        TEXT NOT NULL,
    -- Of the file when it was read.
    size        INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    -- Whole lines that were read, in bytes.
    read_bytes  INTEGER NOT NULL,
    -- A hash of the bytes before that, to tell a file that went on from another one.
    tail        BLOB,
    -- What reading goes on with.
    state       TEXT NOT NULL,
    -- Lines that nobody can read.
    broken      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Sums of calls that did not pass here, by the quarter-hour and the tool.
CREATE TABLE outside_quarter (
    quarter         INTEGER NOT NULL,
    source_id       INTEGER NOT NULL REFERENCES dimension (id),
    calls           INTEGER NOT NULL,
    unpriced_calls  INTEGER NOT NULL,
    cost_pico       INTEGER NOT NULL,
    plan_value_pico INTEGER NOT NULL,
    PRIMARY KEY (quarter, source_id)
) STRICT, WITHOUT ROWID;

-- Of two calls with one answer, the one that came later.
CREATE INDEX call_repeated ON call (response_id) WHERE response_repeats = 1;
