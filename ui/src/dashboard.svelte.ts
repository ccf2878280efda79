/** What the page shows, kept up to date by asking for the revision and reloading when it changed. */

import { ALERTS_MAX } from './alerts';
import { Api, ApiError, type SignIn } from './api';
import { nextPollMs, RELOAD_MS_MAX } from './poll';
import { dayOf, forgetZone } from './time';
import type { Alert, Status } from './types';

/** What the whole page is. */
export type Phase = 'loading' | 'signed_out' | 'unreachable' | 'ready';

/** Part of the page: its data where it arrived, else why it did not. */
export interface Part<T> {
  data: T | null;
  error: string | null;
}

export class Dashboard {
  phase = $state<Phase>('loading');
  /** Why nobody is signed in, or nothing can be shown. */
  problem = $state<string | null>(null);
  status = $state.raw<Status | null>(null);
  alerts = $state.raw<Part<Alert[]>>({ data: null, error: null });
  /** Whether the last question was answered. */
  connected = $state(true);
  refreshing = $state(false);
  /** The server's present instant in milliseconds, going on between answers. */
  nowMs = $state(Date.now());

  /** The day it is, in the reports' zone: who asks for it does not ask anew with every second. */
  readonly today = $derived(dayOf(this.nowMs, this.status?.timezone ?? 'UTC'));

  /** What pages ask for what they alone show. Changes go through {@link act}. */
  readonly api: Api;
  /** The number of the last change that was seen; pages ask again when it changes. */
  revision = $state<number | null>(null);
  #changedAtMs = 0;
  #loadedAtMs = 0;
  #serverAheadMs = 0;
  #failures = 0;
  #loading: Promise<void> | null = null;
  #loadingNext: Promise<void> | null = null;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #clockTimer: ReturnType<typeof setInterval> | undefined;

  constructor(api: Api = new Api()) {
    this.api = api;
  }

  /** Signs in, loads everything and keeps it up to date. */
  async start(): Promise<void> {
    this.#clockTimer = setInterval(() => this.#tick(), 1_000);
    await this.signIn();
  }

  /** Ends all timers. */
  stop(): void {
    clearTimeout(this.#pollTimer);
    clearInterval(this.#clockTimer);
  }

  /** Uses a login code in the address, where there is one, and loads. */
  async signIn(): Promise<void> {
    clearTimeout(this.#pollTimer);
    let signIn: SignIn;
    try {
      signIn = await this.api.signIn();
    } catch (error) {
      this.#fail(error);
      this.#schedule();
      return;
    }
    if (signIn !== 'ready') {
      this.phase = 'signed_out';
      this.problem = signIn === 'code_rejected' ? 'That login link was used before or is older than a minute.' : null;
      return;
    }
    await this.refresh();
    this.#schedule();
  }

  /**
   * Loads everything anew, and ends once that is shown. What is under way may have been answered before
   * what the caller wants to see: then it is loaded once more after that, for all who ask meanwhile.
   */
  refresh(): Promise<void> {
    if (this.#loading === null) return this.#loadOnce();
    this.#loadingNext ??= this.#loading.then(() => {
      this.#loadingNext = null;
      return this.#loading ?? this.#loadOnce();
    });
    return this.#loadingNext;
  }

  /** Does what the user asked for, then shows what became of it; rejects with a sentence. */
  async act(change: (api: Api) => Promise<void>): Promise<void> {
    await change(this.api);
    await this.refresh();
  }

  /** Takes note that a page's question met a lost login or server. */
  lose(error: unknown): void {
    this.#fail(error);
  }

  /** Asks at once where the page comes back into view. */
  wake(): void {
    forgetZone();
    this.#tick();
    if (this.phase === 'ready' || this.phase === 'unreachable') void this.#poll();
  }

  #loadOnce(): Promise<void> {
    this.refreshing = true;
    this.#loading = this.#load()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#loading = null;
        this.refreshing = false;
      });
    return this.#loading;
  }

  async #load(): Promise<void> {
    // Before the data: a change in between is then seen by the next question.
    const { revision } = await this.api.pulse();
    const [status, alerts] = await Promise.all([this.api.status(), part(this.api.alerts(ALERTS_MAX))]);
    this.#serverAheadMs = Date.parse(status.as_of) - Date.now();
    this.#tick();
    this.status = status;
    this.alerts = { data: alerts.data?.alerts ?? null, error: alerts.error };
    if (this.revision !== revision) this.#changedAtMs = Date.now();
    this.revision = revision;
    this.#loadedAtMs = Date.now();
    this.#answered();
    this.phase = 'ready';
  }

  async #poll(): Promise<void> {
    clearTimeout(this.#pollTimer);
    try {
      const { revision } = await this.api.pulse();
      this.#answered();
      if (revision !== this.revision || this.#isStale()) await this.refresh();
    } catch (error) {
      this.#fail(error);
    }
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#pollTimer);
    if (this.phase === 'signed_out') return;
    const wait = nextPollMs({
      visible: document.visibilityState === 'visible',
      sinceChangeMs: Date.now() - this.#changedAtMs,
      failures: this.#failures,
    });
    this.#pollTimer = setTimeout(() => void this.#poll(), wait);
  }

  /** Periods and blocks end without anything being written. */
  #isStale(): boolean {
    if (this.status === null || Date.now() - this.#loadedAtMs > RELOAD_MS_MAX) return true;
    const { budgets, blocked, bypass } = this.status;
    const ends = [
      ...budgets.flatMap((each) => [each.reset_date, each.paused_until]),
      ...blocked.map((each) => each.until),
      bypass?.until ?? null,
    ];
    const loadedAt = this.#loadedAtMs + this.#serverAheadMs;
    return ends.some((end) => end !== null && Date.parse(end) > loadedAt && Date.parse(end) <= this.nowMs);
  }

  #answered(): void {
    this.connected = true;
    this.#failures = 0;
    this.problem = null;
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.problem = message;
    if (error instanceof ApiError && error.failure === 'signed_out') {
      this.phase = 'signed_out';
      this.problem = this.status === null ? null : 'Your login has ended.';
      return;
    }
    this.connected = false;
    this.#failures += 1;
    if (this.status === null) this.phase = 'unreachable';
  }

  #tick(): void {
    this.nowMs = Date.now() + this.#serverAheadMs;
  }
}

/** Lets one part of the page fail alone; a lost login or server concerns the whole page. */
async function part<T>(request: Promise<T>): Promise<Part<T>> {
  try {
    return { data: await request, error: null };
  } catch (error) {
    if (error instanceof ApiError && error.failure === 'failed') return { data: null, error: error.message };
    throw error;
  }
}
