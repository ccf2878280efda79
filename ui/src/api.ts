/** The local API. No other file of the dashboard talks to it. */

import type {
  Alerts,
  AlertTest,
  BackedUp,
  BudgetChange,
  BudgetHistory,
  By,
  CallDetail,
  CallPage,
  Connection,
  Explanation,
  Exported,
  Grants,
  Imports,
  Logs,
  Pair,
  Plans,
  PlanUsed,
  Prices,
  Pulse,
  Rehearsal,
  Service,
  Settings,
  SettingsChange,
  Status,
  Suggestion,
  Tools,
  UnpricedModels,
  Usage,
} from './types';

const BASE = '/api/v1';
const TOKEN_KEY = 'outlay.token';

/** Why a request brought no answer. */
export type ApiFailure =
  /** There is no login, or it is no longer good. */
  | 'signed_out'
  /** Nobody answers at the address. */
  | 'offline'
  /** The API said no, or said something else than JSON. */
  | 'failed';

/** A request that brought no answer. Its message is a sentence for the user. */
export class ApiError extends Error {
  constructor(
    readonly failure: ApiFailure,
    message: string,
    /** Its short name in the answer's body: `unlikely_price`. */
    readonly code: string | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** What the page finds when it starts: a login, none, or a code that was not accepted. */
export type SignIn = 'ready' | 'no_token' | 'code_rejected';

/** The parts of the browser the API client uses; tests pass their own. */
export interface Browser {
  fetch: typeof fetch;
  location: Pick<Location, 'protocol' | 'hostname' | 'hash' | 'pathname' | 'search'>;
  history: Pick<History, 'replaceState'>;
  sessionStorage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}

/** Which calls and spend a usage report covers. */
export interface UsageQuery {
  /** First day, in the report's zone. */
  since: string;
  /** The day after the last one; absent: until now. */
  until?: string;
  /** One, or two: then each row's key is a pair. */
  by: By | readonly [By, By];
  timezone: string;
}

/** Which calls to list. Names match whole; `search` is found within model, project, session, client or tags. */
export interface CallQuery {
  since?: string;
  until?: string;
  model?: string;
  provider?: string;
  project?: string;
  client?: string;
  session?: string;
  key?: string;
  status?: string;
  source?: string;
  search?: string;
}

/** A model's own prices, in US dollars per million tokens. */
export interface PriceChange {
  input: string;
  output: string;
  cache_read?: string;
  cache_write?: string;
  /** Set it though a figure is a thousand times off the list's. */
  force?: boolean;
}

/** What to set of an account's prepaid credit; levels are amounts as typed, `""` for none. */
export interface BalanceChange {
  /** What the provider's page says is left. */
  observed?: string;
  warn?: string;
  floor?: string;
  /** What the provider tops up by itself. */
  recharge?: { below: string; amount: string } | 'off';
}

/** Whether the page is in the desktop window, whose requests need no token. */
export function inDesktopWindow(location: Pick<Location, 'protocol' | 'hostname'>): boolean {
  return location.protocol === 'outlay-app:' || location.hostname === 'outlay-app.localhost';
}

/** Whether the part of an address behind `#` brings a login code. */
export function hasLoginCode(hash: string): boolean {
  return new URLSearchParams(hash.slice(1)).has('code');
}

/** Talks to the local API for one page. */
export class Api {
  readonly #browser: Browser;
  readonly #desktop: boolean;

  constructor(browser: Browser = browserOf(window)) {
    this.#browser = browser;
    this.#desktop = inDesktopWindow(browser.location);
  }

  /**
   * Trades the single-use code of the address (`#code=...`) for a bearer, once. The code leaves the
   * address before anything else, so that neither reload nor history repeats it.
   */
  async signIn(): Promise<SignIn> {
    const code = new URLSearchParams(this.#browser.location.hash.slice(1)).get('code');
    if (code !== null) {
      this.#browser.history.replaceState(null, '', this.#browser.location.pathname + this.#browser.location.search);
      const token = await this.#exchange(code);
      if (token !== null) this.#browser.sessionStorage.setItem(TOKEN_KEY, token);
      else if (this.#token() === null) return 'code_rejected';
    }
    return this.#desktop || this.#token() !== null ? 'ready' : 'no_token';
  }

  /** Forgets the login of this tab. */
  forget(): void {
    this.#browser.sessionStorage.removeItem(TOKEN_KEY);
  }

  status(): Promise<Status> {
    return this.#get('/status');
  }

  usage({ by, ...rest }: UsageQuery): Promise<Usage> {
    const query = new URLSearchParams(rest);
    for (const each of typeof by === 'string' ? [by] : by) query.append('by', each);
    return this.#get(`/usage?${query}`);
  }

  /** As {@link usage}, by two dimensions. */
  usageByTwo(query: UsageQuery & { by: readonly [By, By] }): Promise<Usage<Pair>> {
    const { by, ...rest } = query;
    const asked = new URLSearchParams(rest);
    for (const each of by) asked.append('by', each);
    return this.#get(`/usage?${asked}`);
  }

  /** The latest. */
  calls(limit: number): Promise<CallPage> {
    return this.#get(`/calls?${new URLSearchParams({ limit: String(limit) })}`);
  }

  /** Up to `limit` calls from the one at `offset` on, newest first, of those that were asked for; `signal` ends the question. */
  callsAt(query: CallQuery, offset: number, limit: number, signal?: AbortSignal): Promise<CallPage> {
    return this.#get(`/calls?${new URLSearchParams({ ...query, offset: String(offset), limit: String(limit) })}`, signal);
  }

  /** How many calls there are of those that were asked for. */
  async callCount(query: CallQuery): Promise<number> {
    const { calls } = await this.#get<{ calls: number }>(`/calls/count?${new URLSearchParams({ ...query })}`);
    return calls;
  }

  /** One call with its arithmetic. */
  call(id: string): Promise<CallDetail> {
    return this.#get(`/calls/${encodeURIComponent(id)}`);
  }

  /** Why a call was refused, made to wait, capped or ended. */
  explanation(call: string): Promise<Explanation> {
    return this.#get(`/calls/${encodeURIComponent(call)}/explanation`);
  }

  /** Lets a budget refuse nothing: for so many seconds, or until it is resumed. */
  async pause(budget: string, seconds: number | null): Promise<void> {
    await this.#send('POST', `${pathOf(budget)}/pauses`, seconds === null ? {} : { seconds });
  }

  async resume(budget: string): Promise<void> {
    await this.#send('DELETE', `${pathOf(budget)}/pauses`);
  }

  /** Raises a limit until an instant or date, else until its period ends. */
  async raise(budget: string, by: string, until?: string): Promise<void> {
    await this.#send('POST', `${pathOf(budget)}/raises`, until === undefined ? { by } : { by, until });
  }

  /** Takes back the raises that are in force. */
  async lower(budget: string): Promise<void> {
    await this.#send('DELETE', `${pathOf(budget)}/raises`);
  }

  /** Adds to the reserve that is used once the limit is reached. */
  async topUp(budget: string, by: string): Promise<void> {
    await this.#send('POST', `${pathOf(budget)}/topups`, { by });
  }

  /** Makes a budget or changes it. */
  async setBudget(budget: string, change: BudgetChange): Promise<void> {
    await this.#send('PUT', pathOf(budget), change);
  }

  async removeBudget(budget: string): Promise<void> {
    await this.#send('DELETE', pathOf(budget));
  }

  budgetHistory(budget: string): Promise<BudgetHistory> {
    return this.#get(`${pathOf(budget)}/history`);
  }

  /** What such a budget would have done to the last 30 days. */
  rehearse(change: BudgetChange): Promise<Rehearsal> {
    return this.#send('POST', '/rehearsals', change);
  }

  plans(): Promise<Plans> {
    return this.#get('/plans');
  }

  /** The plan in use alone. */
  plan(): Promise<Plans> {
    return this.#get('/plan');
  }

  /** Sets a plan's limits and takes those of the earlier one away; with `replace` also where limits of the user's own are in the way. */
  usePlan(name: string, replace = false): Promise<PlanUsed> {
    return this.#send('PUT', '/plan', replace ? { plan: name, replace } : { plan: name });
  }

  /** Lets no limit refuse for so many seconds. */
  async bypass(seconds: number, why: string | null): Promise<void> {
    await this.#send('POST', '/bypass', why === null ? { seconds } : { seconds, why });
  }

  /** Lets limits refuse again. */
  async endBypass(): Promise<void> {
    await this.#send('DELETE', '/bypass');
  }

  /** The latest, newest first. */
  alerts(limit: number): Promise<Alerts> {
    return this.#get(`/alerts?${new URLSearchParams({ limit: String(limit) })}`);
  }

  /** Marks these alerts as seen to; `null`: all there are, also those that were not asked for. */
  async acknowledge(ids: string[] | null): Promise<void> {
    await this.#send('POST', '/alerts/acknowledgements', ids === null ? {} : { ids });
  }

  /** Tries every way of alerts to the user. */
  testAlerts(): Promise<AlertTest> {
    return this.#send('POST', '/alerts/tests', {});
  }

  /** Notes credit that was bought or given; `expires` is a date. */
  async grant(account: string, amount: string, expires: string | null, note: string | null): Promise<void> {
    await this.#send('POST', '/grants', { account, amount, expires, note });
  }

  /** What was bought for an account, and given. */
  grants(account: string): Promise<Grants> {
    return this.#get(`/grants?${new URLSearchParams({ account })}`);
  }

  async setBalance(account: string, change: BalanceChange): Promise<void> {
    await this.#send('PUT', `/balances/${encodeURIComponent(account)}`, change);
  }

  /** Up to `limit` models whose name contains this, any where it is empty; what was used since then first. */
  prices(search: string, limit: number, usedSince: string): Promise<Prices> {
    return this.#get(`/prices?${new URLSearchParams({ search, limit: String(limit), used_since: usedSince })}`);
  }

  unpricedModels(): Promise<UnpricedModels> {
    return this.#get('/prices/unpriced');
  }

  /** Sets what a model costs from now on; an empty provider is any. */
  async setPrice(provider: string, model: string, change: PriceChange): Promise<void> {
    await this.#send('PUT', pathOfPrice(provider, model), change);
  }

  /** Goes back to the list's price. */
  async removePrice(provider: string, model: string): Promise<void> {
    await this.#send('DELETE', pathOfPrice(provider, model));
  }

  tools(): Promise<Tools> {
    return this.#get('/tools');
  }

  /** Writes a tool's settings so that its calls pass here; with `dryRun` only shows what would change. */
  connect(tool: string, options: { statusline?: boolean; dryRun?: boolean } = {}): Promise<Connection> {
    const { statusline, dryRun } = options;
    return this.#send('POST', `/tools/${encodeURIComponent(tool)}/connection`, { statusline, dry_run: dryRun });
  }

  /** Puts a tool's settings back. */
  disconnect(tool: string): Promise<Connection> {
    return this.#send('DELETE', `/tools/${encodeURIComponent(tool)}/connection`);
  }

  service(): Promise<Service> {
    return this.#get('/service');
  }

  installService(): Promise<Service> {
    return this.#send('PUT', '/service', {});
  }

  removeService(): Promise<Service> {
    return this.#send('DELETE', '/service');
  }

  logs(): Promise<Logs> {
    return this.#get('/logs');
  }

  /** Begins to import the logs of these tools, of all where none is named. */
  async startImport(sources: string[] | null): Promise<void> {
    await this.#send('POST', '/imports', sources === null ? {} : { sources });
  }

  imports(): Promise<Imports> {
    return this.#get('/imports');
  }

  suggestion(): Promise<Suggestion> {
    return this.#get('/suggestion');
  }

  settings(): Promise<Settings> {
    return this.#get('/settings');
  }

  changeSettings(change: SettingsChange): Promise<Settings> {
    return this.#send('PATCH', '/settings', change);
  }

  /** Copies the ledger into a file in the data folder. */
  backUp(): Promise<BackedUp> {
    return this.#send('POST', '/backups', {});
  }

  /** Writes calls into a file in the downloads folder; `until` is the day after the last one. */
  exportCalls(format: 'csv' | 'json', since: string | null, until: string | null): Promise<Exported> {
    return this.#send('POST', '/exports', { format, since, until });
  }

  pulse(): Promise<Pulse> {
    return this.#get('/pulse');
  }

  #token(): string | null {
    return this.#browser.sessionStorage.getItem(TOKEN_KEY);
  }

  async #exchange(code: string): Promise<string | null> {
    const response = await this.#fetch('/login', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code }),
    });
    if (!response.ok) return null;
    const { token } = (await bodyOf(response)) as { token?: string };
    return token ?? null;
  }

  #get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.#ask(path, signal === undefined ? { cache: 'no-store' } : { cache: 'no-store', signal });
  }

  #send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
    return this.#ask(path, body === undefined ? { method } : { method, body: JSON.stringify(body) });
  }

  async #ask<T>(path: string, init: RequestInit): Promise<T> {
    const token = this.#token();
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (init.body !== undefined) headers['Content-Type'] = 'application/json';
    const response = await this.#fetch(path, { ...init, headers });
    if (response.status === 401) {
      this.forget();
      throw new ApiError('signed_out', 'This page is not signed in.');
    }
    const body = response.status === 204 ? undefined : await bodyOf(response);
    if (!response.ok) throw new ApiError('failed', textIn(body, 'message') ?? `The API answered with status ${response.status}.`, textIn(body, 'error'));
    return body as T;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#browser.fetch(`${BASE}${path}`, init);
    } catch {
      throw new ApiError('offline', 'Outlay does not answer. Start it with outlay serve.');
    }
  }
}

function pathOf(budget: string): string {
  return `/budgets/${encodeURIComponent(budget)}`;
}

/** A user's price; `any` stands for every provider. */
function pathOfPrice(provider: string, model: string): string {
  return `/prices/${encodeURIComponent(provider === '' ? 'any' : provider)}/${encodeURIComponent(model)}`;
}

function browserOf(window: Window): Browser {
  return {
    fetch: (input, init) => window.fetch(input, init),
    location: window.location,
    history: window.history,
    sessionStorage: window.sessionStorage,
  };
}

async function bodyOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    if (!response.ok) return null;
    throw new ApiError('failed', 'The API answered with something else than JSON.');
  }
}

/** A text of an error body, `{"error": CODE, "message": SENTENCE}`. */
function textIn(body: unknown, name: 'error' | 'message'): string | null {
  if (typeof body !== 'object' || body === null) return null;
  const text = (body as Record<string, unknown>)[name];
  return typeof text === 'string' ? text : null;
}
