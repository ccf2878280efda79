/**
 * The shapes of the local API (`/api/v1`) that the dashboard reads.
 *
 * Money is a decimal text in US dollars with at least two decimals (`"5.00"`, `"0.000201"`), never
 * a number. Instants are RFC 3339 in UTC. `null` means unknown or not set, never zero.
 */

/** An exact decimal amount as text, in US dollars unless a currency stands beside it. */
export type MoneyText = string;

/** An RFC 3339 instant in UTC, such as `2026-11-21T23:00:00Z`. */
export type Instant = string;

/** What a budget counts. */
export type BudgetUnit = 'USD' | 'tokens' | 'calls';

/** What a budget is doing to calls right now. */
export type BudgetState = 'ok' | 'warned' | 'waiting' | 'blocked' | 'paused' | 'bypassed';

/** A number of tokens or calls, or an amount of money, as the budget's unit says. */
export type Amount = MoneyText | number;

/** When something runs out, as a range. */
export interface Forecast {
  /** `possible`: from `earliest` on, or not at all; `expected`: between the two. */
  outlook: 'unknown' | 'gone' | 'lasts' | 'possible' | 'expected';
  earliest: Instant | null;
  likely: Instant | null;
  latest: Instant | null;
}

/** How the last complete days of a daily budget fared. */
export interface Hits {
  /** Days looked at, at most 30. */
  days: number;
  /** On how many of them the limit was reached. */
  hit: number;
  /** The limit that would have covered nine days in ten. */
  nine_in_ten: Amount | null;
  /** Whether calls that were refused had to be guessed at for that. */
  is_guess: boolean;
}

/** One budget in its current period. */
export interface Budget {
  name: string;
  /** `call`, `day`, `week`, `month`, `total` or a rolling window such as `5h`. */
  window: string;
  unit: BudgetUnit;
  /** What it applies to, by dimension (`project`, `model`, ...); empty: everything. */
  scope: Record<string, string>;
  /** `hard` refuses calls at the limit, `soft` only warns. */
  kind: 'hard' | 'soft';
  limit: Amount;
  /** Spent in this period, without holds. */
  used: Amount;
  /** Set aside for calls that are running. */
  held: Amount;
  remaining: Amount;
  /** What is left of its top-ups. */
  credits_remaining: Amount;
  /** How full it is, in percent with one decimal; more than 100 where the limit was passed. */
  percent: number;
  state: BudgetState;
  /** When its period ends, or of a rolling window something leaves it; `null` where it never does. */
  reset_date: Instant | null;
  /** When its pause ends by itself; `null`: not paused, or until it is resumed. */
  paused_until: Instant | null;
  /** Calls that wait for money that running ones hold, and since when the first of them. */
  waiting: number;
  waiting_since: Instant | null;
  /** Percentages at which it warns. */
  warn: number[];
  /** When its limit is reached at the present pace. */
  forecast: Forecast;
  /** `null` for other windows than a day. */
  last_30_days: Hits | null;
}

/** What is left of an account's prepaid credit. */
export interface Balance {
  account: string;
  remaining: MoneyText;
  currency: string;
  /** The level below which it warns, also where it was set as a share. */
  warn_below: MoneyText | null;
  /** That share of what was there after the last top-up. */
  warn_percent: number | null;
  /** It warns when it will be empty within so many hours, not at all for 0; `null`: the usual 24 where no other level is set. */
  warn_hours: number | null;
  /** The level at which calls are refused. */
  floor: MoneyText | null;
  /** Whether calls are refused: at the floor, or since the provider said that it is empty. */
  refusing: boolean;
  /** The top-up that the provider makes by itself. */
  recharge: { below: MoneyText; amount: MoneyText } | null;
  /** When it was last looked at; `null`: never. */
  observed_at: Instant | null;
  /** Whether that was more than a week ago. */
  is_stale: boolean;
  /** Spend of the last 30 days that did not pass here; `null` where nothing tells. */
  spent_elsewhere: MoneyText | null;
  /** When part of it expires next. */
  next_expiry: Instant | null;
  /** When it will be empty at the present pace; `null`: unknown, or not for two months. */
  empty_at: Instant | null;
  /** The range of that instant. */
  forecast: Forecast;
}

/** A limit that refuses calls now. */
export interface Blocked {
  budget: string;
  /** `quota_exceeded`, `balance_empty`, ... */
  reason: string;
  /** When it lifts by itself; `null`: not by itself. */
  until: Instant | null;
}

/** A time in which no limit refuses. */
export interface Bypass {
  from: Instant;
  until: Instant;
  /** Who wanted it: `cli`, `api` or `desktop`. */
  actor: string;
  why: string | null;
}

/** Calls and their cost over some time. */
export interface Spend {
  calls: number;
  cost_usd: MoneyText | null;
}

/** `GET /status`. */
export interface Status {
  as_of: Instant;
  /** The IANA zone that days and months belong to. */
  timezone: string;
  plan: string | null;
  /** The time in which no limit refuses, while there is one. */
  bypass: Bypass | null;
  today: Spend;
  month: Spend;
  budgets: Budget[];
  balances: Balance[];
  blocked: Blocked[];
  /** Of `month`, what did not pass here, as tools' logs tell; the dearest tool first. */
  outside: Outside[];
  /** The accounts that refuse now. */
  stopped_accounts: StoppedAccount[];
}

/** An account that refuses calls. */
export interface StoppedAccount {
  account: string;
  /** When its provider said that the money is gone; `null` where its floor is why. */
  emptied_at: Instant | null;
  remaining: MoneyText | null;
  floor: MoneyText | null;
}

/** What a tool spent without passing here. */
export interface Outside {
  tool: string;
  calls: number;
  unpriced_calls: number;
  cost_usd: MoneyText;
  plan_value_usd: MoneyText;
}

/** Usage and cost of a group of calls. Token buckets are disjoint; reasoning is part of output. */
export interface UsageTotals extends Spend {
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
}

/** One row of a usage report. */
export interface UsageRow extends UsageTotals {
  /** The day (`2026-11-21`) or the model; `null` where a call has none. */
  key: string | null;
}

/** `GET /usage`. */
export interface Usage {
  since: string | null;
  until: string | null;
  by: string | string[];
  rows: UsageRow[];
  total: UsageTotals;
}

/** Where a call is in its life. */
export type CallStatus = 'settled' | 'estimated' | 'running' | 'waiting' | 'refused' | 'failed';

/** Where a call's cost comes from. */
export type Basis = 'stated' | 'priced' | 'estimated' | 'unpriced';

/** One call: the columns of the CSV export. */
export interface Call {
  time: Instant;
  id: string;
  source: string;
  provider: string | null;
  account: string | null;
  /** The model that answered; `null` before or without an answer. */
  model: string | null;
  model_requested: string | null;
  project: string | null;
  session: string | null;
  client: string | null;
  /** The key's fingerprint or name, never the key. */
  key: string | null;
  status: CallStatus;
  http_status: number | null;
  error_kind: string | null;
  /** `waited`, `capped` or `ended`. */
  limit_action: string | null;
  basis: Basis | null;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_5m_tokens: number | null;
  cache_write_1h_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
  audio_input_tokens: number | null;
  audio_output_tokens: number | null;
  tool_calls: number | null;
  /** `null` for refused, failed, running, waiting and unpriced calls. */
  cost_usd: MoneyText | null;
  cost_stated_usd: MoneyText | null;
  service_tier: string | null;
  price_id: string | null;
  response_id: string | null;
  duration_ms: number | null;
  first_byte_ms: number | null;
  tags: string | Record<string, string> | null;
  /** Why it was refused; `null` for every other call. */
  refusal?: string | null;
  /** The budget that refused it. */
  refused_by?: string | null;
  /** How often it was asked again and refused again without a row of its own. */
  repeats: number;
  /** The `outlay run` that it belongs to. */
  run: string | null;
}

/** What one budget said to one call. */
export type Verdict = 'never_refuses' | 'fits' | 'fits_watched' | 'held' | 'exceeded' | 'unpriced';

/** One budget as it stood when a call was decided over, in its unit. */
export interface Look {
  budget: string;
  /** `soft` also where it was paused or bypassed. */
  kind: 'hard' | 'soft';
  window: string;
  unit: BudgetUnit;
  scope: Record<string, string>;
  limit: Amount;
  credits: Amount;
  spent: Amount;
  held: Amount;
  needed: Amount;
  verdict: Verdict;
}

/** One decision over a call. */
export interface Decision {
  at: Instant;
  action: string;
  input_tokens_max: number;
  output_tokens_max: number;
  output_cap: number | null;
  covered_tokens: number | null;
  ceiling_usd: MoneyText | null;
  budgets: Look[];
}

/** `GET /calls/{id}/explanation`. */
export interface Explanation {
  /** What was done and why, in a sentence or two. */
  message: string;
  /** Oldest first; none where every budget had room. */
  decisions: Decision[];
  output_cap: number | null;
}

/** `GET /calls`: newest first. */
export interface CallPage {
  rows: Call[];
  /** Asks for the next page; `null` on the last. */
  cursor: string | null;
}

/** How much an alert matters. */
export type Severity = 'info' | 'warning' | 'critical';

/** A raise that is offered, as one types it: `2`, `0.50`. */
export interface Raise {
  by: string;
  unit: BudgetUnit;
}

/** The recorded fact that a threshold was crossed. */
export interface Alert {
  id: string;
  time: Instant;
  severity: Severity;
  kind: string;
  /** The budget, account, project or client it is about. */
  subject: string;
  title: string;
  body: string;
  /** How often it happened in its period. */
  occurrences: number;
  /** By how much its budget may be raised with one press; `null` where that helps nobody. */
  raise: Raise | null;
  /** When it first reached the user; `null`: not yet, or not at all. */
  delivered_at: Instant | null;
  /** Why it reached the user on no way. */
  error: string | null;
  /** When the user said that it is seen to. */
  acknowledged_at: Instant | null;
  deliveries: Delivery[];
}

/** What became of an alert on one way to the user. */
export interface Delivery {
  /** `desktop`, `command`, `webhook HOST`. */
  channel: string;
  attempts: number;
  /** `null`: it has not arrived. */
  delivered_at: Instant | null;
  /** Why the last attempt failed. */
  error: string | null;
  /** When it is tried (again); `null` once it has arrived or is given up. */
  next_try_at: Instant | null;
}

/** `GET /alerts`. */
export interface Alerts {
  alerts: Alert[];
}

/** `GET /pulse`: a number that changes when anything shown would. */
export interface Pulse {
  revision: number;
}
