/** The local API. No other file of the dashboard talks to it. */

import type { Alerts, CallPage, Explanation, Pulse, Status, Usage } from './types';

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
  /** First day, in the report's zone; reports run until now. */
  since: string;
  by: 'day' | 'model';
  timezone: string;
}

/** Whether the page is in the desktop window, whose requests need no token. */
export function inDesktopWindow(location: Pick<Location, 'protocol' | 'hostname'>): boolean {
  return location.protocol === 'outlay-app:' || location.hostname === 'outlay-app.localhost';
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

  usage(query: UsageQuery): Promise<Usage> {
    return this.#get(`/usage?${new URLSearchParams({ ...query })}`);
  }

  calls(limit: number, cursor: string | null = null): Promise<CallPage> {
    const query = new URLSearchParams({ limit: String(limit) });
    if (cursor !== null) query.set('cursor', cursor);
    return this.#get(`/calls?${query}`);
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

  /** Raises a limit until its period ends. */
  async raise(budget: string, by: string): Promise<void> {
    await this.#send('POST', `${pathOf(budget)}/raises`, { by });
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

  #get<T>(path: string): Promise<T> {
    return this.#ask(path, { cache: 'no-store' });
  }

  #send<T>(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
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
    const body = await bodyOf(response);
    if (!response.ok) throw new ApiError('failed', messageOf(body) ?? `The API answered with status ${response.status}.`);
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

/** The sentence of an error body, `{"error": CODE, "message": SENTENCE}`. */
function messageOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('message' in body)) return null;
  return typeof body.message === 'string' ? body.message : null;
}
