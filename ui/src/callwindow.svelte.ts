/** The part of a very long list of calls that is looked at, asked for as it comes into view. */

import { ApiError, type Api, type CallQuery } from './api';
import * as money from './money';
import type { Call } from './types';

/** Rows asked for at once. */
export const PAGE_ROWS = 100;
const PAGES_KEPT = 40;
const ASKED_AT_ONCE = 2;
/** While one scrolls, new pages are asked for that often. */
const ASK_EVERY_MS = 100;
/** A count that took long is made anew only after so many times as long: the calls on top tell meanwhile. */
const COUNT_SHARE = 20;

/**
 * Calls by their place in the list. Within it they have a number that stays theirs when newer calls come
 * on top, which then have negative ones.
 */
export class CallWindow {
  /** How many there are; `null` until they are counted, which may take longer than the first of them. */
  total = $state<number | null>(null);
  /** Why the last question had no answer. */
  error = $state<string | null>(null);
  /** How many calls have come on top since the first answer. */
  added = $state(0);
  /** Decimals of the longest cost seen so far, so that a column keeps its width. */
  decimals = $state(4);
  #version = $state(0);
  /** What is there before it is counted. */
  #atLeast = $state<number | null>(null);
  readonly query: CallQuery;
  readonly #api: Api;
  readonly #lose: (error: unknown) => void;
  readonly #rows = new Map<number, Call>();
  /** Pages by their number, the one that was used longest ago first; and whether they may have changed. */
  readonly #pages = new Map<number, { stale: boolean }>();
  readonly #asked = new Map<number, AbortController>();
  #wanted: number[] = [];
  #topId: string | null = null;
  #askedAtMs = -Infinity;
  #countAgainAtMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #countTimer: ReturnType<typeof setTimeout> | undefined;
  #refreshing: Promise<void> | null = null;
  #stopped = false;

  constructor(api: Api, query: CallQuery, lose: (error: unknown) => void = () => {}) {
    this.#api = api;
    this.query = query;
    this.#lose = lose;
  }

  /** How many there are at least: all, once they are counted. `null` until the first answer. */
  get known(): number | null {
    return this.total ?? this.#atLeast;
  }

  /** The call at a place of the list, 0 the newest; `undefined` while it is not known. */
  at(index: number): Call | undefined {
    void this.#version;
    return this.#rows.get(index - this.added);
  }

  /** Where a known call is; `null` where it is not known. */
  indexOf(id: string): number | null {
    for (const [number, call] of this.#rows) if (call.id === id) return number + this.added;
    return null;
  }

  /** Says what is in view: from the first up to before the end. */
  look(first: number, end: number): void {
    const from = Math.floor((first - this.added) / PAGE_ROWS);
    const to = Math.floor((Math.max(first, end - 1) - this.added) / PAGE_ROWS);
    this.#wanted = Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
    for (const page of this.#wanted) this.#touch(page);
    this.#ask();
  }

  /** Asks anew how many there are and what came on top. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Asks for nothing any more; what is known stays. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#countTimer);
    for (const request of this.#asked.values()) request.abort();
    this.#asked.clear();
  }

  /** Goes on after {@link stop}. */
  resume(): void {
    this.#stopped = false;
  }

  async #refresh(): Promise<void> {
    try {
      const { rows } = await this.#api.callsAt(this.query, 0, PAGE_ROWS);
      if (this.#stopped) return;
      const onTop = rows.findIndex((call) => call.id === this.#topId);
      // Fewer than were asked for are all: nobody has to count them.
      if (rows.length < PAGE_ROWS) return this.#show(rows, onTop, rows.length);
      const isPlaced = this.known === null || onTop >= 0;
      if (isPlaced) this.#show(rows, onTop, this.total === null ? null : this.total + onTop);
      if (isPlaced && this.#countsLater()) return;
      const total = await this.#count();
      if (this.#stopped) return;
      if (!isPlaced) this.#show(rows, onTop, total);
      this.total = total;
      this.#ask();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether the number is not to be asked for yet. */
  #countsLater(): boolean {
    const wait = this.#countAgainAtMs - Date.now();
    if (this.total === null || wait <= 0) return false;
    clearTimeout(this.#countTimer);
    this.#countTimer = setTimeout(() => void this.refresh(), wait);
    return true;
  }

  async #count(): Promise<number> {
    const askedAtMs = Date.now();
    const total = await this.#api.callCount(this.query);
    this.#countAgainAtMs = Date.now() + (Date.now() - askedAtMs) * COUNT_SHARE;
    return total;
  }

  /** Shows the newest, `onTop` of which (-1 where that is not known) came after those that are shown. */
  #show(rows: readonly Call[], onTop: number, total: number | null): void {
    // More than a page has come, or the newest call is no longer among those asked for: their number tells.
    this.added += onTop >= 0 ? onTop : Math.max(0, (total ?? 0) - (this.total ?? total ?? 0));
    this.total = total;
    this.#atLeast = rows.length;
    this.error = null;
    this.#topId = rows[0]?.id ?? null;
    for (const page of this.#pages.values()) page.stale = true;
    this.#keep(-this.added, rows);
    this.#ask();
  }

  /** Keeps calls from a number on, and knows each page that is now complete. */
  #keep(from: number, rows: readonly Call[]): void {
    let decimals = this.decimals;
    rows.forEach((call, offset) => {
      this.#rows.set(from + offset, call);
      if (call.cost_usd !== null) decimals = Math.max(decimals, decimalsOf(call.cost_usd));
    });
    this.decimals = decimals;
    const [first, end] = [-this.added, (this.known ?? 0) - this.added];
    for (let page = Math.floor(from / PAGE_ROWS); page <= Math.floor((from + rows.length - 1) / PAGE_ROWS); page += 1) {
      const covers = from <= Math.max(first, page * PAGE_ROWS) && from + rows.length >= Math.min(end, (page + 1) * PAGE_ROWS);
      if (covers) this.#pages.set(page, { stale: false });
      else if (!this.#pages.has(page)) this.#pages.set(page, { stale: true });
    }
    this.#drop();
    this.#version += 1;
  }

  #drop(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_KEPT) return;
      if (this.#wanted.includes(page)) continue;
      this.#pages.delete(page);
      for (let number = page * PAGE_ROWS; number < (page + 1) * PAGE_ROWS; number += 1) this.#rows.delete(number);
    }
  }

  #touch(page: number): void {
    const known = this.#pages.get(page);
    if (known === undefined) return;
    this.#pages.delete(page);
    this.#pages.set(page, known);
  }

  /** Asks for what is in view and not known, at most so often; what has left the view is not waited for. */
  #ask(): void {
    if (this.#stopped || this.known === null) return;
    for (const [page, request] of this.#asked) {
      if (this.#wanted.includes(page)) continue;
      request.abort();
      this.#asked.delete(page);
    }
    const missing = this.#wanted.filter((page) => !this.#asked.has(page) && (this.#pages.get(page)?.stale ?? true) && this.#isInList(page));
    if (missing.length === 0) return;
    const wait = this.#askedAtMs + ASK_EVERY_MS - Date.now();
    if (wait > 0) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ask(), wait);
      return;
    }
    this.#askedAtMs = Date.now();
    for (const page of missing.slice(0, ASKED_AT_ONCE - this.#asked.size)) void this.#load(page);
  }

  #isInList(page: number): boolean {
    return (page + 1) * PAGE_ROWS > -this.added && page * PAGE_ROWS < (this.known ?? 0) - this.added;
  }

  async #load(page: number): Promise<void> {
    const request = new AbortController();
    this.#asked.set(page, request);
    const first = Math.max(-this.added, page * PAGE_ROWS);
    const added = this.added;
    try {
      const { rows } = await this.#api.callsAt(this.query, first + added, (page + 1) * PAGE_ROWS - first, request.signal);
      if (request.signal.aborted) return;
      this.#asked.delete(page);
      // What came on top in between has moved these on.
      if (added === this.added) this.#keep(first, rows);
      if (added === this.added && this.#pages.get(page)?.stale !== false) this.#pages.set(page, { stale: false });
      this.error = null;
      this.#ask();
    } catch (error) {
      if (request.signal.aborted) return;
      this.#asked.delete(page);
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.error = error instanceof Error ? error.message : String(error);
    if (error instanceof ApiError && error.failure !== 'failed') this.#lose(error);
  }
}

function decimalsOf(cost: string): number {
  return money.decimalParts(money.rounded(money.parse(cost))).fraction.length - 1;
}
