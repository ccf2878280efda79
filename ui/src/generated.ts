/**
 * The documents of the local API (`/api/v1`), made from their Rust types: do not edit.
 * `OUTLAY_UPDATE_TYPES=1 cargo test -p outlay-proxy types` writes this file anew.
 */

/** What happened. */
export type AlertKind = "budget_threshold" | "budget_refused" | "budget_overrun" | "back_within" | "balance_low" | "balance_runway" | "grant_expiring" | "balance_floor" | "recharge_missing" | "upstream_empty" | "loop" | "burst" | "idle_spend" | "spike" | "unpriced_model" | "stale_prices" | "disk_full" | "logs_gone" | "clock_jumped" | "test";

/** What came of a test alert. */
export type AlertTest = {
  /** Each way to the user. */
  ways: Array<TestedWay>,
};

/** An alert as recorded and delivered. */
export type AlertView = {
  /** Its id. */
  id: string,
  /** When it fired. */
  time: string,
  /** `info warning critical`. */
  severity: 'info' | 'warning' | 'critical',
  /** [`AlertKind`] as text. */
  kind: string,
  /** The budget, account, project or client it is about. */
  subject: string,
  /** One short line. */
  title: string,
  /** The figures, and what to do. */
  body: string,
  /** How often it happened in its period. */
  occurrences: number,
  /** By how much its budget may be raised with one press; `None` where that helps nobody. */
  raise: Raise | null,
  /** When it first reached the user, on whichever way; `None` if it has not. */
  delivered_at: string | null,
  /** Why it reached the user on no way. */
  error: string | null,
  /** When the user said that it is seen to. */
  acknowledged_at: string | null,
  /** What came of each way. */
  deliveries: Array<DeliveryView>,
};

/** What fired, and whether it was delivered. */
export type Alerts = { alerts: Array<AlertView>, };

/** A copy of the ledger. */
export type BackedUp = {
  /** Where it is. */
  file: string,
  /** Its size. */
  bytes: number,
};

/** An account's prepaid credit, as listed. */
export type BalanceView = {
  /** The account. */
  account: string,
  /** What is left; negative when overdrawn. */
  remaining: Money,
  /** The currency of the credit. */
  currency: string,
  /** The level below which an alert fires, if one is set: as an amount, or as a share of what was there
   * after the last top-up. */
  warn_below: Money | null,
  /** That share, if one is set. */
  warn_percent: number | null,
  /** An alert fires when it will be empty within so many hours; `None` for the usual 24 where no other
   * level is set. */
  warn_hours: number | null,
  /** The level at which calls are refused, if one is set. */
  floor: Money | null,
  /** Whether calls are refused: at the floor, or since the provider said that it is empty. */
  refusing: boolean,
  /** The top-up that the provider makes by itself, if one is noted. */
  recharge: Recharge | null,
  /** When the balance was last looked at; `None` if it never was. */
  observed_at: string | null,
  /** Whether that is more than a week ago: what is spent elsewhere is not seen here. */
  is_stale: boolean,
  /** By how much the balances of the last 30 days were below what was expected: spend that did not
   * pass here. `None` where nothing was expected. */
  spent_elsewhere: Money | null,
  /** When it will likely be empty; `None` where that is not known, or not for two months. */
  empty_at: string | null,
  /** The range of that instant. */
  forecast: Forecast,
  /** When part of it expires next. */
  next_expiry: string | null,
};

/** What is left, by account. */
export type Balances = { balances: Array<BalanceView>, };

/** A budget that refuses. */
export type Blocked = {
  /** Its name. */
  budget: string,
  /** Why (`quota_exceeded`). */
  reason: string,
  /** When it lifts by itself; `None` where it does not. */
  until: string | null,
};

/** One entry of a budget's history. */
export type BudgetEvent = {
  /** When. */
  at: string,
  /** By whom: `cli`, `api`, `desktop`; `outlay` where nobody did it. */
  actor: string,
  /** `created changed raised lowered topped_up reserve_emptied paused resumed bypassed bypass_ended removed`. */
  action: string,
  /** The values that were set. */
  detail: JsonValue,
};

/** What was done to a budget, oldest first. */
export type BudgetHistory = { events: Array<BudgetEvent>, };

/** Whether crossing the limit warns or refuses. */
export type BudgetKind = "soft" | "hard";

/** A call's share in one budget. */
export type BudgetShare = {
  /** The budget. */
  budget: string,
  /** `USD tokens calls`. */
  unit: BudgetUnit,
  /** The beginning of the period that it belongs to. */
  period_start: string,
  /** What was held, in the budget's unit. */
  held: Quantity,
  /** What was charged in the end; null while it runs. */
  charged: Quantity | null,
};

/** Where a budget stands. */
export type BudgetState = "ok" | "warned" | "waiting" | "blocked" | "paused" | "bypassed";

/** What a budget counts. */
export type BudgetUnit = "USD" | "tokens" | "calls";

/** How a budget stands, in its unit. */
export type BudgetView = {
  /** Its name. */
  name: string,
  /** `call day week month total`, or a rolling one: `5h`. */
  window: string,
  /** `USD tokens calls`. */
  unit: BudgetUnit,
  /** Which calls count; `{}` for all. */
  scope: Scope,
  /** `soft hard`. */
  kind: BudgetKind,
  /** The limit with raises. */
  limit: Quantity,
  /** The raises of it that are in force, in order of their end; those that have none come last. */
  raises: Array<RaiseInForce>,
  /** Spent, without holds. */
  used: Quantity,
  /** Held by running calls. */
  held: Quantity,
  /** `limit - used - held`, never below zero. */
  remaining: Quantity,
  /** The top-up reserve. */
  credits_remaining: Quantity,
  /** `used` in percent of `limit`, one decimal. */
  percent: number,
  /** Where that stands. */
  state: BudgetState,
  /** The end of the period; `None` where it has none. */
  reset_date: string | null,
  /** When its pause ends by itself; `None` where it is not paused, or until it is resumed. */
  paused_until: string | null,
  /** Calls that wait for money that running ones hold. */
  waiting: number,
  /** Since when the first of them waits. */
  waiting_since: string | null,
  /** Warn thresholds in percent. */
  warn: Array<number>,
  /** The zone of its days. */
  timezone: string,
  /** When its limit and reserve will be used up in this period. */
  forecast: Forecast,
  /** How the last 30 days fared under it; `None` for budgets that are not by day. */
  last_30_days: Hits | null,
};

/** How every budget stands. */
export type Budgets = { budgets: Array<BudgetView>, };

/** What a usage report is by. */
export type By = "day" | "week" | "month" | "provider" | "account" | "model" | "project" | "key" | "client" | "session" | "tag";

/** A time in which no limit refuses. */
export type Bypass = {
  /** Since when. */
  from: string,
  /** When limits refuse again. */
  until: string,
  /** Who wanted it: `cli`, `api`, `desktop`. */
  actor: string,
  /** What for, as the user said it. */
  why: string | null,
};

/** `GET /api/v1/calls/count`. */
export type CallCount = {
  /** How many there are of those that were asked for. */
  calls: number,
};

/** `GET /api/v1/calls/{id}`: the call with its arithmetic. */
export type CallDetail = {
  /** The most it could be billed, known before it was sent. */
  ceiling_usd: Money | null,
  /** The output cap that was set on it. */
  output_cap: number | null,
  /** The budgets that were looked at. */
  budgets: Array<BudgetShare>,
  /** The price it was charged at. In JSON as in the list of prices. */
  price: PriceView | null,
  /** Buckets x rates = cost. */
  lines: Array<CostLine>,
  /** The logs of tools that tell of it too. */
  logged: Array<Logged>,
  /** When it was admitted. */
  time: string,
  /** Its id. */
  id: string,
  /** `proxy`, `import:<tool>`, `api`. */
  source: string,
  /** Provider name. */
  provider: string,
  /** Account name. */
  account: string,
  /** The model that served it; the one asked for where the answer did not say. */
  model: string | null,
  /** The model asked for. */
  model_requested: string | null,
  /** Project. */
  project: string | null,
  /** The client's session. */
  session: string | null,
  /** The client. */
  client: string | null,
  /** The key's fingerprint. */
  key: string | null,
  /** `settled estimated running waiting refused failed`. */
  status: 'settled' | 'estimated' | 'running' | 'waiting' | 'refused' | 'failed',
  /** The upstream's status. */
  http_status: number | null,
  /** The class of the upstream's error; the reason of a refusal. */
  error_kind: string | null,
  /** Empty, `waited`, `capped`, `ended`. */
  limit_action: string | null,
  /** `stated priced estimated unpriced`. */
  basis: 'stated' | 'priced' | 'estimated' | 'unpriced' | null,
  /** Uncached prompt tokens. */
  input_tokens: number | null,
  /** Prompt tokens read from a cache. */
  cache_read_tokens: number | null,
  /** Prompt tokens written to a 5-minute cache. */
  cache_write_5m_tokens: number | null,
  /** Prompt tokens written to a 1-hour cache. */
  cache_write_1h_tokens: number | null,
  /** Generated tokens. */
  output_tokens: number | null,
  /** The reasoning part of them. */
  reasoning_tokens: number | null,
  /** Audio prompt tokens. */
  audio_input_tokens: number | null,
  /** Generated audio tokens. */
  audio_output_tokens: number | null,
  /** Server-side tool calls. */
  tool_calls: number | null,
  /** The cost; null for refused, failed, running, waiting and unpriced calls. */
  cost_usd: Money | null,
  /** The provider's own statement of it. */
  cost_stated_usd: Money | null,
  /** The service tier served. */
  service_tier: string | null,
  /** The price it was charged at. */
  price_id: string | null,
  /** The provider's id of the answer. */
  response_id: string | null,
  /** From admission to the end. */
  duration_ms: number | null,
  /** From admission to the first byte. */
  first_byte_ms: number | null,
  /** `k=v;k=v`. */
  tags: string | null,
  /** Why it was refused. */
  refusal: string | null,
  /** The budget that refused it. */
  refused_by: string | null,
  /** How often it was asked again and refused again without a row of its own. */
  repeats: number,
  /** The `outlay run` that it belongs to. */
  run: string | null,
};

/** `GET /api/v1/calls`: newest first. */
export type CallPage = {
  /** The calls. */
  rows: Array<CallView>,
  /** Where the next page begins; `None` at the end. A text in JSON, for clients to pass on. */
  cursor: string | null,
};

/** One call: the CSV columns, numbers as numbers, unknown as null. */
export type CallView = {
  /** When it was admitted. */
  time: string,
  /** Its id. */
  id: string,
  /** `proxy`, `import:<tool>`, `api`. */
  source: string,
  /** Provider name. */
  provider: string,
  /** Account name. */
  account: string,
  /** The model that served it; the one asked for where the answer did not say. */
  model: string | null,
  /** The model asked for. */
  model_requested: string | null,
  /** Project. */
  project: string | null,
  /** The client's session. */
  session: string | null,
  /** The client. */
  client: string | null,
  /** The key's fingerprint. */
  key: string | null,
  /** `settled estimated running waiting refused failed`. */
  status: 'settled' | 'estimated' | 'running' | 'waiting' | 'refused' | 'failed',
  /** The upstream's status. */
  http_status: number | null,
  /** The class of the upstream's error; the reason of a refusal. */
  error_kind: string | null,
  /** Empty, `waited`, `capped`, `ended`. */
  limit_action: string | null,
  /** `stated priced estimated unpriced`. */
  basis: 'stated' | 'priced' | 'estimated' | 'unpriced' | null,
  /** Uncached prompt tokens. */
  input_tokens: number | null,
  /** Prompt tokens read from a cache. */
  cache_read_tokens: number | null,
  /** Prompt tokens written to a 5-minute cache. */
  cache_write_5m_tokens: number | null,
  /** Prompt tokens written to a 1-hour cache. */
  cache_write_1h_tokens: number | null,
  /** Generated tokens. */
  output_tokens: number | null,
  /** The reasoning part of them. */
  reasoning_tokens: number | null,
  /** Audio prompt tokens. */
  audio_input_tokens: number | null,
  /** Generated audio tokens. */
  audio_output_tokens: number | null,
  /** Server-side tool calls. */
  tool_calls: number | null,
  /** The cost; null for refused, failed, running, waiting and unpriced calls. */
  cost_usd: Money | null,
  /** The provider's own statement of it. */
  cost_stated_usd: Money | null,
  /** The service tier served. */
  service_tier: string | null,
  /** The price it was charged at. */
  price_id: string | null,
  /** The provider's id of the answer. */
  response_id: string | null,
  /** From admission to the end. */
  duration_ms: number | null,
  /** From admission to the first byte. */
  first_byte_ms: number | null,
  /** `k=v;k=v`. */
  tags: string | null,
  /** Why it was refused. */
  refusal: string | null,
  /** The budget that refused it. */
  refused_by: string | null,
  /** How often it was asked again and refused again without a row of its own. */
  repeats: number,
  /** The `outlay run` that it belongs to. */
  run: string | null,
};

/** What was, or would be, changed for a connection. */
export type Connection = {
  /** The tool. */
  tool: string,
  /** Whether only what would change is told. */
  dry_run: boolean,
  /** What changed; empty where all was so already. */
  changes: Array<FileChange>,
  /** What its user should know. */
  note: string | null,
};

/** One bucket of usage with what it costs. */
export type CostLine = {
  /** The usage's name for it (`cache_read_tokens`), or `requests`. */
  bucket: string,
  /** Tokens, searches, pages, milliseconds or requests, as billed. */
  units: number,
  /** The rate that applied. JSON: `{"usd": "2.50", "per": 1000000}`. */
  rate: { usd: string; per: number },
  /** What the line costs, rounded to a picodollar. */
  amount: Money,
};

/** One decision over a call. */
export type DecisionView = {
  /** When. */
  at: string,
  /** `waits admitted refused ended`. */
  action: string,
  /** The proven bound on its prompt, in tokens. */
  input_tokens_max: number,
  /** What its prompt was taken for, in tokens; `None` where the bound fitted. */
  input_tokens_expected: number | null,
  /** The most it may generate by its request or its model, in tokens. */
  output_tokens_max: number,
  /** What it was expected to generate; `None` where the most fitted. */
  output_tokens_expected: number | null,
  /** The output cap that was set. */
  output_cap: number | null,
  /** Generated tokens that were paid for at first, where it had to draw more as it went. */
  covered_tokens: number | null,
  /** The most it could cost. */
  ceiling_usd: Money | null,
  /** The budgets that were looked at, in their order. */
  budgets: Array<LookView>,
};

/** One way of one alert. */
export type DeliveryView = {
  /** `desktop`, `command`, `webhook HOST`. */
  channel: string,
  /** How often it was tried. */
  attempts: number,
  /** When it arrived; `None` if it has not. */
  delivered_at: string | null,
  /** Why the last attempt failed; `None` where none did. */
  error: string | null,
  /** When it is tried (again); `None` once it has arrived or is given up. */
  next_try_at: string | null,
};

/** `GET /api/v1/calls/{id}/explanation`. */
export type Explanation = {
  /** What was done and why, in a sentence or two. */
  message: string,
  /** The decisions over the call, oldest first; none where every budget had room. */
  decisions: Array<DecisionView>,
  /** The most it could be billed, known before it was sent. */
  ceiling_usd: Money | null,
  /** The output cap that was set on it. */
  output_cap: number | null,
  /** What it holds in its budgets, or was charged there. */
  budgets: Array<BudgetShare>,
  /** The call. */
  call: CallView,
};

/** What was written. */
export type Exported = {
  /** Where it is. */
  file: string,
  /** How many calls are in it. */
  rows: number,
};

/** A change of a file. */
export type FileChange = {
  /** The file. */
  file: string,
  /** The difference, keys masked. */
  diff: string,
  /** A copy of the file as it was before it was first changed; `None` where there was none. */
  backup: string | null,
};

/** How far what is left will reach. */
export type Forecast = {
  /** What can be said. */
  outlook: Outlook,
  /** Few of the futures run out before it. */
  earliest: string | null,
  /** Half of the futures run out before it. */
  likely: string | null,
  /** Few of the futures run out after it; `None` where it may last. */
  latest: string | null,
};

/** Credit that was bought or given, as listed. */
export type GrantView = {
  /** Its id. */
  id: string,
  /** The account. */
  account: string,
  /** How much it was, in the account's currency. */
  amount: Money,
  /** What calls left of it; what was left when it expired stays here and is lost. */
  remaining: Money,
  /** The currency of the account. */
  currency: string,
  /** When it was recorded. */
  granted_at: string,
  /** When what is left of it is lost; `None` for never. */
  expires_at: string | null,
  /** Whether that has happened. */
  is_expired: boolean,
  /** What for. */
  note: string | null,
};

/** What was bought and given. */
export type Grants = { grants: Array<GrantView>, };

/** A daily budget, looked at backwards. */
export type Hits = {
  /** Complete days that were looked at: up to 30, none from before the first call. */
  days: number,
  /** On how many of them the limit was reached, or as much was spent as it is now. */
  hit: number,
  /** The limit that would have covered nine in ten of the days, rounded up to two digits; `None`
   * with too few days, or where nothing was spent. */
  nine_in_ten: Quantity | null,
  /** Whether it rests on a guess at what days that were stopped would have spent. */
  is_guess: boolean,
};

/** How an import ended. */
export type ImportEnded = {
  /** When it began. */
  started_at: string,
  /** When it ended. */
  ended_at: string,
  /** Whether it only said what would come in. */
  dry_run: boolean,
  /** What came of each tool; empty after an error. */
  sources: Array<ImportedSource>,
  /** Why it broke off. */
  error: string | null,
};

/** How far an import is. */
export type ImportProgress = {
  /** When it began. */
  started_at: string,
  /** Whether it only says what would come in. */
  dry_run: boolean,
  /** Bytes of logs that were read. */
  bytes: number,
  /** Bytes of logs that have something new; 0 while that is found out. */
  bytes_total: number,
  /** Calls that were found in them. */
  calls: number,
};

/** What came of a tool's logs; `outlay import --json` says the same. */
export type ImportedSource = {
  /** The tool, or `csv`. */
  source: string,
  /** Its name as its makers write it. */
  name: string,
  /** Logs that there are. */
  files: number,
  /** Of these, the ones that had something new. */
  files_read: number,
  /** Calls that were new. */
  calls: number,
  /** Of these, the ones whose model has no price. */
  unpriced_calls: number,
  /** What the new ones are owed. */
  cost_usd: Money,
  /** What the new ones would have cost that a subscription paid for. */
  plan_value_usd: Money,
  /** Calls that were known and have more tokens now. */
  grown: number,
  /** Calls that were known. */
  known: number,
  /** Calls that passed the proxy, as the ids of their answers say. */
  merged: number,
  /** Calls that passed the proxy, as their model, tokens and time say. */
  matched: number,
  /** Calls with a time to come, which were left out. */
  ahead: number,
  /** Lines that nobody can read. */
  broken_lines: number,
  /** What cannot be read at all. */
  problems: Array<Unread>,
};

/** `GET /imports`. */
export type Imports = {
  /** The one that goes on. */
  running: ImportProgress | null,
  /** The last that ended since this process began. */
  last: ImportEnded | null,
};

export type JsonValue = number | string | boolean | Array<JsonValue> | { [key in string]: JsonValue } | null;

/** The logs of a tool. */
export type LogSource = {
  /** The tool. */
  source: string,
  /** Its name as its makers write it. */
  name: string,
  /** How many logs there are. */
  files: number,
  /** Of these, the ones that have changed since they were imported, or never were. */
  files_new: number,
  /** The size of all, in bytes. */
  bytes: number,
  /** When the one that was left alone longest was written. */
  oldest: string | null,
  /** When one was written last. */
  newest: string | null,
  /** Up to when what was written is in the ledger; `None` where nothing was imported. */
  imported_until: string | null,
  /** What cannot be looked into. */
  problems: Array<Unread>,
};

/** A log that tells of a call. */
export type Logged = {
  /** Whose it is: `import:<tool>`. */
  source: string,
  /** `imported`: the call is known by it; `answer_id`, `matched`: it passed the proxy, and was found by the
   * id of its answer, or by model, tokens and time. */
  how: 'imported' | 'answer_id' | 'matched',
};

/** `GET /logs`. */
export type Logs = {
  /** The tools that have any. */
  sources: Array<LogSource>,
};

/** One budget as it stood. Amounts are in its unit: money as text, else whole numbers. */
export type LookView = {
  /** Its name. */
  budget: string,
  /** `hard`, or `soft` where it did not refuse at that instant. */
  kind: BudgetKind,
  /** Its window: `day`, `5h`. */
  window: string,
  /** What it counts. */
  unit: BudgetUnit,
  /** Which calls it counts. */
  scope: Scope,
  /** The limit, with raises. */
  limit: string | number,
  /** What a top-up reserve added to it. */
  credits: string | number,
  /** Settled by then. */
  spent: string | number,
  /** Held by other calls. */
  held: string | number,
  /** What this call needed. */
  needed: string | number,
  /** What the budget said. */
  verdict: Verdict,
};

/** An amount of US dollars, in picodollars. May be negative (a balance, a correction).
 *
 * Its text is a decimal with at least two decimals and no further trailing zeros (`5.00`,
 * `0.000201`); the same text is its JSON and CSV form. */
export type Money = string;

/** How alerts reach the user, without secrets. */
export type NotificationsView = {
  /** Whether they are shown on the desktop. */
  desktop: boolean,
  /** When only critical ones are told. */
  quiet_hours: string | null,
  /** Whether a command is run for them. */
  command_set: boolean,
  /** The hosts that they are posted to. */
  webhooks: Array<string>,
};

/** What can be said about the end of what is left. */
export type Outlook = "unknown" | "gone" | "lasts" | "possible" | "expected";

/** What a tool spent without passing here. */
export type OutsideView = {
  /** The tool: `claude-code`. */
  tool: string,
  /** How many calls. */
  calls: number,
  /** Of these, the ones of unknown cost. */
  unpriced_calls: number,
  /** Money owed. */
  cost_usd: Money,
  /** What subscriptions used, at API prices: not owed. */
  plan_value_usd: Money,
};

/** A named set of hard limits in US dollars. */
export type Plan = {
  /** Its name. */
  name: string,
  /** The limit of a day, if it has one; the same for the others. */
  day: Money | null,
  /** Of a week. */
  week: Money | null,
  /** Of a month. */
  month: Money | null,
  /** In all. */
  total: Money | null,
};

/** `GET /api/v1/plans`: the plans there are. */
export type Plans = {
  /** The name of the one in use, if one is. */
  plan: string | null,
  /** The plans. */
  plans: Array<Plan>,
};

/** What a model charges. */
export type PriceView = {
  /** A hash of its content. */
  id: string,
  /** The price list's name of the provider; empty where the user's price is for any. */
  provider: string,
  /** The model. */
  model: string,
  /** `list override user`. */
  origin: 'list' | 'override' | 'user',
  /** What is charged; nothing where the model is free. */
  rates: Array<RateView>,
};

/** `GET /api/v1/prices`. */
export type Prices = {
  /** Which list is embedded. */
  source: string,
  /** The user's prices first, then those of models that were used lately, then the others. */
  prices: Array<PriceView>,
  /** How many there are of those that were asked for, also where not all are told. */
  count: number,
  /** Of how many of them the model was used lately, where that was asked. */
  used: number,
};

/** A number that changes when anything shown would. */
export type Pulse = { revision: number, };

/** A quantity in a budget's unit. JSON: a money string for USD, else a whole number. */
export type Quantity = string | number;

/** A raise that is offered. */
export type Raise = {
  /** By how much, as typed. */
  by: string,
  /** The budget's unit. */
  unit: BudgetUnit,
};

/** A part of a limit that is a raise. */
export type RaiseInForce = {
  /** How much of the limit it is. */
  by: Quantity,
  /** When it ends by itself; `None` where it does not. */
  until: string | null,
};

/** What is charged for one kind of usage. */
export type RateView = {
  /** `input output cache_read web_searches` and so on. */
  unit: string,
  /** US dollars for `per` units. */
  usd: Money,
  /** How many units that buys. */
  per: number,
  /** What replaces it when a prompt is long. */
  tiers?: Array<TierView>,
};

/** A top-up that the provider makes by itself. */
export type Recharge = {
  /** Below this balance. */
  below: Money,
  /** By how much. */
  amount: Money,
};

/** A call that a limit would have refused. */
export type RefusedThen = {
  /** Its id. */
  id: string,
  /** When it was admitted. */
  time: string,
  /** Its model. */
  model: string | null,
  /** What it cost; null where that is not known. */
  cost_usd: Money | null,
};

/** `POST /api/v1/rehearsals`: what a limit would have done to the last 30 days. */
export type RehearsalView = {
  /** The first instant that was looked at. */
  since: string,
  /** The last. */
  until: string,
  /** Ended calls that it counts; calls that were refused then are not among them. */
  calls: number,
  /** Those that it would have refused. */
  refused_calls: number,
  /** What these have cost. */
  refused_usd: Money,
  /** Its periods in which there were calls; days for rolling windows and for single calls. */
  periods: number,
  /** Those of them in which one would have been refused. */
  periods_hit: number,
  /** The first few that would have been refused, oldest first. */
  first_refused: Array<RefusedThen>,
};

/** Which calls a budget counts: those that match every part that is set. Nothing set: all calls.
 * JSON: an object with the set parts, `{}` for everything. */
export type Scope = {
  /** Provider name as in the route. */
  provider?: string,
  /** Account name. */
  account?: string,
  /** Glob on the requested model (`claude-opus-*`). */
  model?: string,
  /** Project name. */
  project?: string,
  /** Key fingerprint. */
  key?: string,
  /** Client name (`claude-code`). */
  client?: string,
  /** The client's session id. */
  session?: string,
  /** A tag, as `key=value`. */
  tag?: string,
  /** One `outlay run`. */
  run?: string,
};

/** `GET /service`: what keeps the proxy running. */
export type ServiceView = {
  /** Whether anybody here keeps services. */
  supported: boolean,
  /** Whether ours is installed. */
  installed: boolean,
  /** Whether it runs, or its port is open and the next call starts it. */
  running: boolean,
  /** Whether the process that answers is the service's own. */
  answers: boolean,
  /** What defines it. */
  file: string | null,
  /** What there is to say, in sentences. */
  detail: string,
};

/** `GET /settings`: what is written down, and whether it is in force. */
export type SettingsView = {
  /** The configuration file, which need not be there. */
  config_file: string,
  /** Where the ledger is. */
  data_folder: string,
  /** The size of the ledger, in bytes. */
  ledger_bytes: number,
  /** Outlay's own version. */
  version: string,
  /** Where this process answers. */
  address: string,
  /** When it began. */
  started_at: string,
  /** The zone of days. */
  timezone: string,
  /** Whether that is written down; else it is the machine's. */
  timezone_set: boolean,
  /** Where the proxy listens. */
  listen: string,
  /** `process` or `power`. */
  durability: string,
  /** Whether what cannot be bounded is refused near a limit. */
  strict: boolean,
  /** Whether an account refuses calls once its provider said that it is empty. */
  block_when_empty: boolean,
  /** For how many days calls are kept; `None` for ever. */
  keep_days: number | null,
  /** How alerts reach the user. */
  notifications: NotificationsView,
  /** Whether this process still works by other values, as they take effect at a start. */
  restart_needed: boolean,
  /** Why the file cannot be read; the values are then those in force. */
  problem: string | null,
};

/** Ended calls and their cost. */
export type Spend = {
  /** Billed calls. */
  calls: number,
  /** Money owed; calls of unknown cost are not in it. */
  cost_usd: Money,
  /** Calls whose cost is unknown. */
  unpriced_calls: number,
};

/** `GET /api/v1/status`. */
export type Status = {
  /** The instant of the figures. */
  as_of: string,
  /** The zone of `today` and `month`. */
  timezone: string,
  /** The plan in use, if any. */
  plan: string | null,
  /** The time in which no limit refuses, while there is one. */
  bypass: Bypass | null,
  /** Since midnight. */
  today: Spend,
  /** Since the 1st. */
  month: Spend,
  /** Every budget. */
  budgets: Array<BudgetView>,
  /** Every known balance. */
  balances: Array<BalanceView>,
  /** The hard budgets that refuse now. */
  blocked: Array<Blocked>,
  /** Of `month`, what did not pass here, as tools' logs tell; the dearest tool first. */
  outside: Array<OutsideView>,
  /** The accounts that refuse now. */
  stopped_accounts: Array<StoppedAccount>,
};

/** An account that refuses calls before its provider does. */
export type StoppedAccount = {
  /** Its name. */
  account: string,
  /** When its provider said that the money is gone; `None` where its floor is why. */
  emptied_at: string | null,
  /** What is left in US dollars, where that is known. */
  remaining: Money | null,
  /** The level at which calls are refused, if one is set. */
  floor: Money | null,
};

/** Limits that would have suited the past. */
export type Suggestion = {
  /** Complete days that it rests on, up to 30. */
  days: number,
  /** What nine in ten of these days stayed under, rounded up to two digits; `None` with too few days,
   * or where nothing was owed. */
  day_usd: Money | null,
  /** What the last 30 days came to and a quarter more, rounded up to two digits; `None` as above. */
  month_usd: Money | null,
  /** What the last 30 days came to. */
  spent_usd: Money,
};

/** What came of it one way. */
export type TestedWay = {
  /** `desktop`, `command`, or `webhook` and its host. */
  channel: string,
  /** Whether it arrived. */
  delivered: boolean,
  /** Why not. */
  error: string | null,
  /** What to do about that. */
  fix: string | null,
};

/** A rate for long prompts. */
export type TierView = {
  /** For prompts with more tokens than this. */
  above: number,
  /** US dollars for `per` units. */
  usd: Money,
  /** How many units that buys. */
  per: number,
};

/** A tool's logs in short. */
export type ToolLogs = {
  /** How many there are. */
  files: number,
  /** When one was written last. */
  last_modified: string | null,
};

/** How a tool stands. */
export type ToolView = {
  /** Its name here. */
  tool: string,
  /** Its name as its makers write it. */
  name: string,
  /** Whether its program, settings or logs are on this machine. */
  found: boolean,
  /** Whether it has settings that can be pointed here. */
  connectable: boolean,
  /** Whether Outlay has pointed it here. */
  connected: boolean,
  /** Its settings. */
  config_file: string | null,
  /** The proxy that it was pointed at. */
  address: string | null,
  /** What is wrong with its connection, or what stands in the way of one. */
  problem: string | null,
  /** What to do about that, or instead. */
  hint: string | null,
  /** Whether it shows Outlay's status line; `None` where it has none. */
  statusline: boolean | null,
  /** What it has logged; `None` where no logs of it can be read. */
  logs: ToolLogs | null,
};

/** `GET /tools`. */
export type Tools = {
  /** Where connected tools are to send their calls. */
  address: string,
  /** Every tool that is known, found or not. */
  tools: Array<ToolView>,
};

/** `GET /api/v1/prices/unpriced`: models that were used and have no price yet. */
export type UnpricedModels = {
  /** Those with the most calls first. */
  models: Array<UnpricedView>,
};

/** A model that was used and has no price. */
export type UnpricedView = {
  /** The provider, as in routes. */
  provider: string,
  /** The model. */
  model: string,
  /** Calls without a price. */
  calls: number,
  /** The UTC day of the last one. */
  last_used: string,
  /** The listed model whose name is most like it. */
  nearest: string | null,
};

/** Something that cannot be read. */
export type Unread = {
  /** Where. */
  path: string,
  /** Why. */
  reason: string,
};

/** `GET /api/v1/usage`: by one dimension, or by two. */
export type Usage<B = By, K = string | null> = {
  /** As asked. */
  since: string,
  /** As asked. */
  until: string,
  /** As asked. */
  by: B,
  /** Days, weeks and months in their order, else the dearest first. */
  rows: Array<UsageRow<K>>,
  /** The sum of all rows. */
  total: UsageRow<string | null>,
};

/** One sum. Tokens of calls whose usage is unknown are not in it. */
export type UsageRow<K = string | null> = {
  /** The day, model and so on; `None` where the calls have none (and for the total). */
  key: K,
  /** Billed calls. */
  calls: number,
  /** Uncached prompt tokens. */
  input_tokens: number,
  /** Prompt tokens read from a cache. */
  cache_read_tokens: number,
  /** Prompt tokens written to a 5-minute cache. */
  cache_write_5m_tokens: number,
  /** Prompt tokens written to a 1-hour cache. */
  cache_write_1h_tokens: number,
  /** Generated tokens. */
  output_tokens: number,
  /** The reasoning part of them. */
  reasoning_tokens: number,
  /** Money owed. */
  cost_usd: Money,
  /** What subscription logins used, at API prices; owed to nobody. */
  plan_value_usd: Money,
  /** Calls whose cost is unknown. */
  unpriced_calls: number,
};

/** What one budget says to one call. */
export type Verdict = "never_refuses" | "fits" | "fits_watched" | "held" | "exceeded" | "unpriced";
