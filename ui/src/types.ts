/**
 * The shapes of the local API (`/api/v1`) that the dashboard reads.
 *
 * Most are made from the API's own types in `generated.ts`, under the names that the pages use. By hand
 * stands what is sent, and what is not made from them yet.
 *
 * Money is a decimal text in US dollars with at least two decimals (`"5.00"`, `"0.000201"`), never
 * a number. Instants are RFC 3339 in UTC. `null` means unknown or not set, never zero.
 */

import type { AlertView, BudgetUnit, By, CallView, Money, Scope, Usage as UsageOf, UsageRow } from './generated';

export type {
  AlertView as Alert,
  Alerts,
  BalanceView as Balance,
  Blocked,
  BudgetEvent,
  BudgetHistory,
  BudgetState,
  BudgetUnit,
  BudgetView as Budget,
  By,
  Bypass,
  CallDetail,
  CallPage,
  CallView as Call,
  CostLine,
  DecisionView as Decision,
  DeliveryView as Delivery,
  Explanation,
  Forecast,
  Grants,
  GrantView as Grant,
  Hits,
  LookView as Look,
  Money as MoneyText,
  OutsideView as Outside,
  Plan,
  Plans,
  Prices,
  PriceView as Price,
  Pulse,
  Quantity as Amount,
  Raise,
  RateView as Rate,
  RehearsalView as Rehearsal,
  Spend,
  Status,
  StoppedAccount,
  Suggestion,
  UnpricedModels,
  UsageRow,
  Verdict,
} from './generated';

/** An RFC 3339 instant in UTC, such as `2026-11-21T23:00:00Z`. */
export type Instant = string;

/** Where a call is in its life. */
export type CallStatus = CallView['status'];

/** How much an alert matters. */
export type Severity = AlertView['severity'];

/** The key of a row by two dimensions. */
export type Pair = [string | null, string | null];

/** A report by one dimension, or by two: then keys are pairs. */
export type Usage<K = string | null> = UsageOf<By | readonly By[], K>;

/** Usage and cost of a group of calls. Token buckets are disjoint; reasoning is part of output. */
export type UsageTotals = Omit<UsageRow<unknown>, 'key'>;

/** What a budget is to be; what is not named stays, or takes its default where it is new. */
export interface BudgetChange {
  limit?: string;
  window?: string;
  kind?: 'hard' | 'soft';
  unit?: BudgetUnit;
  warn?: number[];
  scope?: Scope;
  anchor_day?: number;
  week_start?: string;
  reset_at?: string;
  timezone?: string;
  allow_unpriced?: boolean;
  no_cap?: boolean;
}

/** What putting a plan in use did: the budgets that it made or changed, and those it took away. */
export interface PlanUsed {
  plan: string;
  set: string[];
  removed: string[];
}

/** A tool that can be connected, or whose logs are read. */
export interface Tool {
  tool: string;
  name: string;
  /** Whether its program, settings or logs are on this machine. */
  found: boolean;
  /** Whether its settings can be written; others are read by their logs alone. */
  connectable: boolean;
  connected: boolean;
  config_file: string | null;
  /** The proxy that it was pointed at. */
  address: string | null;
  /** What is wrong with its connection, or what stands in the way of one. */
  problem: string | null;
  /** What to do about that, or instead. */
  hint: string | null;
  /** Whether its status line shows Outlay; `null` where it has none. */
  statusline: boolean | null;
  /** `null` where no logs of it can be read. */
  logs: { files: number; last_modified: Instant | null } | null;
}

export interface Tools {
  /** Where connected tools are to send their calls. */
  address: string;
  /** Every tool that is known, found or not. */
  tools: Tool[];
}

/** What connecting a tool changes, or has changed; nothing where all was so already. */
export interface Connection {
  tool: string;
  dry_run: boolean;
  changes: { file: string; diff: string; backup: string | null }[];
  note: string | null;
}

/** The service that keeps the proxy running. */
export interface Service {
  supported: boolean;
  installed: boolean;
  running: boolean;
  /** Whether the process that answers is the service's own. */
  answers: boolean;
  /** What defines it. */
  file: string | null;
  detail: string;
}

/** Something that cannot be read, and why. */
export interface Unread {
  path: string;
  reason: string;
}

/** The logs of a tool that were found on this machine. */
export interface LogSource {
  source: string;
  name: string;
  files: number;
  /** Of these, the ones that have changed since they were imported, or never were. */
  files_new: number;
  bytes: number;
  oldest: Instant | null;
  newest: Instant | null;
  /** Up to when what was written is in the ledger; `null` where nothing was imported. */
  imported_until: Instant | null;
  problems: Unread[];
}

/** `GET /logs`. */
export interface Logs {
  sources: LogSource[];
}

/** `GET /imports`. */
export interface Imports {
  running: ImportProgress | null;
  last: ImportEnded | null;
}

export interface ImportProgress {
  started_at: Instant;
  dry_run: boolean;
  bytes: number;
  /** 0 while that is found out. */
  bytes_total: number;
  calls: number;
}

export interface ImportEnded {
  started_at: Instant;
  ended_at: Instant;
  dry_run: boolean;
  /** Empty after an error. */
  sources: ImportedSource[];
  error: string | null;
}

/** What came of a tool's logs. */
export interface ImportedSource {
  source: string;
  name: string;
  files: number;
  files_read: number;
  /** Calls that were new. */
  calls: number;
  /** Of these, the ones whose model has no price. */
  unpriced_calls: number;
  cost_usd: Money;
  plan_value_usd: Money;
  /** Calls that were known and have more tokens now. */
  grown: number;
  known: number;
  /** Calls that passed the proxy, as the ids of their answers say. */
  merged: number;
  /** Calls that passed the proxy, as their model, tokens and time say. */
  matched: number;
  /** Calls with a time to come, which were left out. */
  ahead: number;
  broken_lines: number;
  problems: Unread[];
}

/** `GET /settings`. */
export interface Settings {
  config_file: string;
  data_folder: string;
  ledger_bytes: number;
  version: string;
  /** Where the proxy of this process answers. */
  address: string;
  started_at: Instant;
  timezone: string;
  /** Whether that is written down; else it is the machine's. */
  timezone_set: boolean;
  listen: string;
  durability: 'process' | 'power';
  strict: boolean;
  block_when_empty: boolean;
  /** For how many days calls are kept; `null`: for good. */
  keep_days: number | null;
  /** `quiet_hours`: when only critical ones are told; `webhooks`: the hosts that they are posted to. */
  notifications: { desktop: boolean; quiet_hours: string | null; command_set: boolean; webhooks: string[] };
  /** Whether the file says something that this process does not do yet. */
  restart_needed: boolean;
  /** Why the file cannot be read; the values are then those in force. */
  problem: string | null;
}

/** What may be changed of them; what is not named stays. */
export interface SettingsChange {
  /** `null`: the machine's. */
  timezone?: string | null;
  listen?: string;
  strict?: boolean;
  block_when_empty?: boolean;
  /** For how many days calls are kept; `null`: for good. */
  keep_days?: number | null;
  /** `null`: never, and nothing. Webhooks: addresses, and names of those that stay. */
  notifications?: { desktop?: boolean; quiet_hours?: string | null; command?: string | null; webhooks?: string[] };
}

/** `POST /alerts/tests`: what came of a test on each way. */
export interface AlertTest {
  ways: { channel: string; delivered: boolean; error: string | null; fix: string | null }[];
}

/** `POST /backups`: a copy of the ledger. */
export interface BackedUp {
  file: string;
  bytes: number;
}

/** `POST /exports`: a file of calls. */
export interface Exported {
  file: string;
  rows: number;
}
