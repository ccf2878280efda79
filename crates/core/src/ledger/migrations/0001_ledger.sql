-- The ledger. Money is whole picodollars, instants are Unix milliseconds (UTC), ids are UUIDv7.
-- Unknown is NULL, never 0.

CREATE TABLE ledger (
    only_row           INTEGER PRIMARY KEY CHECK (only_row = 1),
    machine_id         BLOB NOT NULL REFERENCES machine (id),
    -- Keys are known by HMAC-SHA-256 under this secret.
    fingerprint_secret BLOB NOT NULL CHECK (length(fingerprint_secret) = 32),
    -- Grows with every change that a reader could see.
    revision           INTEGER NOT NULL,
    -- Grows with every price the user sets.
    prices_revision    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE machine (
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    name          TEXT NOT NULL,
    first_seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Strings that repeat in every call; kinds are listed in dimension.rs.
CREATE TABLE dimension (
    id   INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (kind, text)
) STRICT;

CREATE TABLE account (
    id            INTEGER PRIMARY KEY,
    rev           INTEGER NOT NULL DEFAULT 1,
    name          TEXT NOT NULL UNIQUE,
    currency      TEXT NOT NULL DEFAULT 'USD',
    -- 1 for a subscription login: shown at API value, owed nothing per call, outside money budgets.
    plan_login    INTEGER NOT NULL DEFAULT 0 CHECK (plan_login IN (0, 1)),
    -- 0 until a grant or an observed balance makes the balance known.
    balance_known INTEGER NOT NULL DEFAULT 0 CHECK (balance_known IN (0, 1)),
    -- Spend that no grant covered.
    debt_pico     INTEGER NOT NULL DEFAULT 0,
    warn_pico     INTEGER,
    -- 1 after the warning fired, until the balance is above the level again.
    warned        INTEGER NOT NULL DEFAULT 0 CHECK (warned IN (0, 1))
) STRICT;

CREATE TABLE api_key (
    fingerprint   TEXT NOT NULL,
    -- The same text may be a key at several providers ("test", a gateway's).
    provider      TEXT NOT NULL,
    account_id    INTEGER NOT NULL REFERENCES account (id),
    first_seen_ms INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, provider)
) STRICT, WITHOUT ROWID;

CREATE TABLE credit_grant (
    id             BLOB PRIMARY KEY CHECK (length(id) = 16),
    rev            INTEGER NOT NULL DEFAULT 1,
    machine_id     BLOB NOT NULL REFERENCES machine (id),
    account_id     INTEGER NOT NULL REFERENCES account (id),
    amount_pico    INTEGER NOT NULL,
    remaining_pico INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    expires_ms     INTEGER,
    note           TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX credit_grant_open ON credit_grant (account_id) WHERE remaining_pico > 0;

CREATE TABLE balance_observation (
    id            BLOB PRIMARY KEY CHECK (length(id) = 16),
    machine_id    BLOB NOT NULL REFERENCES machine (id),
    account_id    INTEGER NOT NULL REFERENCES account (id),
    at_ms         INTEGER NOT NULL,
    observed_pico INTEGER NOT NULL,
    -- What the ledger thought; the difference is spend (or credit) that did not pass here.
    expected_pico INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX balance_observation_account ON balance_observation (account_id, at_ms);

-- A price that some call was charged at, by the hash of its content; never changed.
CREATE TABLE price (
    id   TEXT PRIMARY KEY,
    json TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_price (
    provider TEXT NOT NULL,
    model    TEXT NOT NULL,
    set_ms   INTEGER NOT NULL,
    json     TEXT NOT NULL,
    PRIMARY KEY (provider, model, set_ms)
) STRICT, WITHOUT ROWID;

-- A process that forwards calls. It is alive while it holds the lock on processes/<id>.lock.
CREATE TABLE process (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    pid        INTEGER NOT NULL,
    started_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE call (
    seq                   INTEGER PRIMARY KEY,
    id                    BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    rev                   INTEGER NOT NULL DEFAULT 1,
    machine_id            BLOB NOT NULL REFERENCES machine (id),
    account_id            INTEGER NOT NULL REFERENCES account (id),
    started_ms            INTEGER NOT NULL,
    source_id             INTEGER NOT NULL REFERENCES dimension (id),
    provider_id           INTEGER NOT NULL REFERENCES dimension (id),
    model_id              INTEGER REFERENCES dimension (id),
    model_requested_id    INTEGER REFERENCES dimension (id),
    project_id            INTEGER REFERENCES dimension (id),
    session_id            INTEGER REFERENCES dimension (id),
    client_id             INTEGER REFERENCES dimension (id),
    key_id                INTEGER REFERENCES dimension (id),
    tags_id               INTEGER REFERENCES dimension (id),
    status                TEXT NOT NULL
        CHECK (status IN ('running', 'waiting', 'settled', 'estimated', 'refused', 'failed')),
    http_status           INTEGER,
    error_kind            TEXT,
    refusal               TEXT,
    refused_by            INTEGER REFERENCES budget (seq),
    limit_action          TEXT CHECK (limit_action IN ('waited', 'capped', 'ended')),
    output_cap            INTEGER,
    basis                 TEXT CHECK (basis IN ('stated', 'priced', 'estimated', 'unpriced')),
    input_tokens          INTEGER,
    cache_read_tokens     INTEGER,
    cache_write_5m_tokens INTEGER,
    cache_write_1h_tokens INTEGER,
    output_tokens         INTEGER,
    reasoning_tokens      INTEGER,
    audio_input_tokens    INTEGER,
    audio_output_tokens   INTEGER,
    tool_calls            INTEGER,
    -- The whole usage as JSON, where it has buckets without a column of their own.
    usage_json            TEXT,
    -- The prompt tokens that chose the context tier, where they are not the sum of the call's.
    turn_prompt_tokens    INTEGER,
    cost_pico             INTEGER,
    cost_stated_pico      INTEGER,
    -- The most the call could be billed, known before it was sent.
    ceiling_pico          INTEGER,
    service_tier          TEXT,
    price_id              TEXT REFERENCES price (id),
    response_id           TEXT,
    -- 1 where another call of the account already carries this response id.
    response_repeats      INTEGER NOT NULL DEFAULT 0 CHECK (response_repeats IN (0, 1)),
    duration_ms           INTEGER,
    first_byte_ms         INTEGER,
    -- The process that runs it; NULL once it has ended.
    owner                 BLOB REFERENCES process (id)
) STRICT;
CREATE INDEX call_started ON call (started_ms);
CREATE INDEX call_running ON call (owner) WHERE owner IS NOT NULL;
-- For the counts of what did not go its usual way, which are few.
CREATE INDEX call_ended_early ON call (status, provider_id, error_kind, refusal)
    WHERE status IN ('refused', 'failed', 'estimated');
CREATE INDEX call_limited ON call (limit_action) WHERE limit_action IS NOT NULL;
CREATE UNIQUE INDEX call_response ON call (account_id, response_id)
    WHERE response_id IS NOT NULL AND response_repeats = 0;

CREATE TABLE budget (
    seq            INTEGER PRIMARY KEY,
    id             BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    rev            INTEGER NOT NULL DEFAULT 1,
    machine_id     BLOB NOT NULL REFERENCES machine (id),
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('soft', 'hard')),
    unit           TEXT NOT NULL CHECK (unit IN ('USD', 'tokens', 'calls')),
    limit_count    INTEGER NOT NULL CHECK (limit_count >= 0),
    window_name    TEXT NOT NULL,
    window_anchor  INTEGER NOT NULL,
    timezone       TEXT NOT NULL,
    warn_percent   TEXT NOT NULL,
    scope          TEXT NOT NULL,
    allow_unpriced INTEGER NOT NULL CHECK (allow_unpriced IN (0, 1)),
    may_cap        INTEGER NOT NULL CHECK (may_cap IN (0, 1)),
    -- The top-up reserve: all that was bought, and what periods have drawn from it.
    credits_total  INTEGER NOT NULL DEFAULT 0,
    credits_used   INTEGER NOT NULL DEFAULT 0,
    created_ms     INTEGER NOT NULL,
    removed_ms     INTEGER
) STRICT;
CREATE UNIQUE INDEX budget_name ON budget (name) WHERE removed_ms IS NULL;

CREATE TABLE budget_raise (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    budget_seq INTEGER NOT NULL REFERENCES budget (seq),
    amount     INTEGER NOT NULL,
    from_ms    INTEGER NOT NULL,
    until_ms   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_raise_budget ON budget_raise (budget_seq);

-- Append only: what was done to a budget, when and by whom.
CREATE TABLE budget_event (
    id         BLOB PRIMARY KEY CHECK (length(id) = 16),
    machine_id BLOB NOT NULL REFERENCES machine (id),
    budget_seq INTEGER NOT NULL REFERENCES budget (seq),
    at_ms      INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    action     TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_event_budget ON budget_event (budget_seq, at_ms);

-- One row a (budget, period), updated in the transaction that changes a hold or a cost.
CREATE TABLE counter (
    budget_seq      INTEGER NOT NULL REFERENCES budget (seq),
    period_start_ms INTEGER NOT NULL,
    period_end_ms   INTEGER,
    spent           INTEGER NOT NULL,
    held            INTEGER NOT NULL,
    credits_used    INTEGER NOT NULL DEFAULT 0,
    -- 1 after a refusal, until a call is admitted or the budget is changed.
    refusing        INTEGER NOT NULL DEFAULT 0 CHECK (refusing IN (0, 1)),
    PRIMARY KEY (budget_seq, period_start_ms)
) STRICT, WITHOUT ROWID;

-- The budgets that a call was looked at by, with its hold and, once ended, its charge.
CREATE TABLE call_budget (
    call_seq        INTEGER NOT NULL REFERENCES call (seq),
    budget_seq      INTEGER NOT NULL REFERENCES budget (seq),
    period_start_ms INTEGER NOT NULL,
    held            INTEGER NOT NULL,
    charged         INTEGER,
    PRIMARY KEY (call_seq, budget_seq)
) STRICT, WITHOUT ROWID;

-- Canonical sums: a UTC quarter-hour of admitted calls; every zone's day is a whole number of them.
CREATE TABLE rollup_quarter (
    quarter               INTEGER NOT NULL,
    account_id            INTEGER NOT NULL,
    provider_id           INTEGER NOT NULL,
    model_id              INTEGER NOT NULL,
    project_id            INTEGER NOT NULL,
    key_id                INTEGER NOT NULL,
    client_id             INTEGER NOT NULL,
    calls                 INTEGER NOT NULL,
    unpriced_calls        INTEGER NOT NULL,
    input_tokens          INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER NOT NULL,
    cost_pico             INTEGER NOT NULL,
    -- What subscription logins used, at API prices: not owed, not in cost_pico.
    plan_value_pico       INTEGER NOT NULL,
    PRIMARY KEY (quarter, account_id, provider_id, model_id, project_id, key_id, client_id)
) STRICT, WITHOUT ROWID;

-- Coarse sums beside them, for whole UTC days inside a long range.
CREATE TABLE rollup_day (
    -- 1 model, 2 project
    by_kind               INTEGER NOT NULL,
    day                   INTEGER NOT NULL,
    provider_id           INTEGER NOT NULL,
    dimension_id          INTEGER NOT NULL,
    calls                 INTEGER NOT NULL,
    unpriced_calls        INTEGER NOT NULL,
    input_tokens          INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    reasoning_tokens      INTEGER NOT NULL,
    cost_pico             INTEGER NOT NULL,
    -- What subscription logins used, at API prices: not owed, not in cost_pico.
    plan_value_pico       INTEGER NOT NULL,
    PRIMARY KEY (by_kind, day, provider_id, dimension_id)
) STRICT, WITHOUT ROWID;

-- Alerts and their delivery: an outbox that exactly one process claims from.
CREATE TABLE alert (
    id              BLOB PRIMARY KEY CHECK (length(id) = 16),
    machine_id      BLOB NOT NULL REFERENCES machine (id),
    at_ms           INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    severity        TEXT NOT NULL,
    subject         TEXT NOT NULL,
    subject_key     TEXT NOT NULL,
    period_start_ms INTEGER NOT NULL,
    threshold       INTEGER NOT NULL,
    title           TEXT NOT NULL,
    body            TEXT NOT NULL,
    claimed_by      BLOB,
    claimed_ms      INTEGER,
    delivered_ms    INTEGER,
    error           TEXT,
    UNIQUE (kind, subject_key, period_start_ms, threshold)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_at ON alert (at_ms);
CREATE INDEX alert_undelivered ON alert (at_ms) WHERE delivered_ms IS NULL AND error IS NULL;

-- Answers to recorded batches, so that a request that is sent again is answered, not repeated.
CREATE TABLE idempotency (
    key    TEXT PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    -- A hash of the request: the same key with another request is a mistake.
    digest TEXT NOT NULL,
    answer TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at_ms);
