/** Days, instants and how they read. Instants in milliseconds since 1970 unless they are texts. */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let ownZone: string | undefined;
const formatters = new Map<string, Intl.DateTimeFormat>();

/** How instants are shown: in which language and zone. */
export interface Display {
  /** A BCP 47 tag; undefined: the browser's. */
  locale?: string;
  /** An IANA zone; undefined: the browser's. */
  timeZone?: string;
}

/** The calendar day (`2026-11-21`) of an instant in a zone. */
export function dayOf(instantMs: number, timeZone: string): string {
  const parts = formatter('en-US', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(instantMs);
  const part = (type: string) => parts.find((each) => each.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')}`;
}

/** The day some days later (or earlier, where negative). */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

/** The first day of a day's month. */
export function monthStart(day: string): string {
  return `${day.slice(0, 8)}01`;
}

/** The first day of the month some months later (or earlier, where negative). */
export function addMonths(day: string, months: number): string {
  const [year = 0, month = 1] = day.split('-').map(Number);
  return new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 10);
}

/** The Monday of a day's week. */
export function weekStart(day: string): string {
  const weekday = new Date(Date.parse(`${day}T00:00:00Z`)).getUTCDay();
  return addDays(day, -((weekday + 6) % 7));
}

/** The days up to and including `last`, oldest first. */
export function daysUntil(last: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => addDays(last, index + 1 - count));
}

/** A day in words: `Sat 21 Nov` as the locale has it. */
export function formatDay(day: string, locale?: string): string {
  return formatter(locale, { timeZone: 'UTC', weekday: 'short', day: 'numeric', month: 'short' }).format(Date.parse(`${day}T00:00:00Z`));
}

/** A day for an axis: `21 Nov`. */
export function formatDayShort(day: string, locale?: string): string {
  return formatter(locale, { timeZone: 'UTC', day: 'numeric', month: 'short' }).format(Date.parse(`${day}T00:00:00Z`));
}

/** The name of a day's month. */
export function formatMonth(day: string, locale?: string): string {
  return formatter(locale, { timeZone: 'UTC', month: 'long' }).format(Date.parse(`${day}T00:00:00Z`));
}

/** A month with its year: `November 2026`. */
export function formatMonthYear(day: string, locale?: string): string {
  return formatter(locale, { timeZone: 'UTC', month: 'long', year: 'numeric' }).format(Date.parse(`${day}T00:00:00Z`));
}

/** A month for an axis: `Nov`. */
export function formatMonthShort(day: string, locale?: string): string {
  return formatter(locale, { timeZone: 'UTC', month: 'short' }).format(Date.parse(`${day}T00:00:00Z`));
}

/** A day with its year, for ranges: `21 Nov 2026`. */
export function formatDayYear(day: string, locale?: string): string {
  return formatter(locale, { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' }).format(Date.parse(`${day}T00:00:00Z`));
}

/** Time of day with seconds. */
export function formatClock(instant: string, display: Display = {}): string {
  return clock(Date.parse(instant), display, true);
}

/** An instant beside now: time alone today, `tomorrow`, `yesterday`, else with its weekday and day. */
export function formatInstant(instant: string, nowMs: number, display: Display = {}): string {
  return besideNow(instant, nowMs, display, formatDay);
}

/** As {@link formatInstant} without the weekday, for columns. */
export function formatInstantShort(instant: string, nowMs: number, display: Display = {}): string {
  return besideNow(instant, nowMs, display, formatDayShort);
}

/** The day of an instant, with its weekday. */
export function formatDayOf(instant: string, display: Display = {}): string {
  return formatDay(dayOf(Date.parse(instant), display.timeZone ?? browserZone()), display.locale);
}

/** Day, time and zone, for where precision helps more than brevity. */
export function formatFull(instant: string, display: Display = {}): string {
  return formatter(display.locale, { ...zoneOption(display), dateStyle: 'medium', timeStyle: 'long' }).format(Date.parse(instant));
}

/** How far away: `in 5 h 12 min`, `3 days ago`, `now`. */
export function formatRelative(instant: string, nowMs: number): string {
  const distance = Date.parse(instant) - nowMs;
  const span = formatSpan(Math.abs(distance));
  if (span === null) return distance > 0 ? 'in less than a minute' : 'just now';
  return distance > 0 ? `in ${span}` : `${span} ago`;
}

/** A duration as a call has it: `840 ms`, `4.2 s`, `3 min 5 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < MINUTE_MS) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** The browser's own zone. */
export function browserZone(): string {
  ownZone ??= new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return ownZone;
}

/** Looks anew which zone the browser is in: who comes back to the page may be somewhere else. */
export function forgetZone(): void {
  ownZone = undefined;
  formatters.clear();
}

function besideNow(instant: string, nowMs: number, display: Display, dayWords: typeof formatDay): string {
  const ms = Date.parse(instant);
  const zone = display.timeZone ?? browserZone();
  const distance = (Date.parse(dayOf(ms, zone)) - Date.parse(dayOf(nowMs, zone))) / DAY_MS;
  const time = clock(ms, display, false);
  if (distance === 0) return time;
  if (distance === 1) return `tomorrow ${time}`;
  if (distance === -1) return `yesterday ${time}`;
  return `${dayWords(dayOf(ms, zone), display.locale)}, ${time}`;
}

function formatSpan(ms: number): string | null {
  if (ms < MINUTE_MS) return null;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < DAY_MS) {
    const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
    return `${Math.floor(ms / HOUR_MS)} h${minutes > 0 ? ` ${minutes} min` : ''}`;
  }
  const days = Math.floor(ms / DAY_MS);
  return days === 1 ? '1 day' : `${days} days`;
}

function clock(ms: number, display: Display, seconds: boolean): string {
  return formatter(display.locale, {
    ...zoneOption(display),
    timeStyle: seconds ? 'medium' : 'short',
  }).format(ms);
}

/** One for each way to write: making it takes far longer than writing with it. */
function formatter(locale: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale ?? ''} ${JSON.stringify(options)}`;
  const known = formatters.get(key);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat(locale, options);
  formatters.set(key, made);
  return made;
}

function zoneOption(display: Display): { timeZone?: string } {
  return display.timeZone === undefined ? {} : { timeZone: display.timeZone };
}
