/** Reports: what is asked for in the address, and which days that is. */

import type { Step } from './charts/calendar';
import { addDays, addMonths, formatDayYear, formatMonthYear, monthStart } from './time';
import type { By } from './types';

/** Every dimension with its name in the choice and the word for one of it. */
export const DIMENSIONS: readonly (readonly [By, string])[] = [
  ['day', 'Day'],
  ['week', 'Week'],
  ['month', 'Month'],
  ['provider', 'Provider'],
  ['model', 'Model'],
  ['project', 'Project'],
  ['key', 'Key'],
  ['client', 'Client'],
  ['session', 'Session'],
  ['tag', 'Tag'],
];

/** A range that goes on with the days, or `own` dates. */
export type RangeName = '7d' | '30d' | '90d' | 'month' | 'last-month' | 'year' | 'own';

export const RANGES: readonly (readonly [RangeName, string])[] = [
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
  ['90d', 'Last 90 days'],
  ['month', 'This month'],
  ['last-month', 'Last month'],
  ['year', 'This year'],
  ['own', 'Own dates'],
];

/** What rows are sorted by. */
export type SortKey = 'key' | 'and' | 'cost' | 'calls' | 'in' | 'out' | 'before' | 'difference';
const SORT_KEYS: readonly SortKey[] = ['key', 'and', 'cost', 'calls', 'in', 'out', 'before', 'difference'];

/** Days, both ends among them. */
export interface Days {
  first: string;
  last: string;
}

/** What the address asks for. */
export interface Asked {
  by: By;
  /** The second dimension; `null`: none. */
  and: By | null;
  range: RangeName;
  days: Days;
  compare: boolean;
  sort: SortKey;
  descending: boolean;
}

const DAY = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/** Reads the address; what it does not say is the last 30 days by model. */
export function askedOf(query: URLSearchParams, today: string): Asked {
  const by = dimension(query.get('by')) ?? 'model';
  const and = dimension(query.get('and'));
  const range = RANGES.find(([name]) => name === query.get('range'))?.[0] ?? '30d';
  const sort = SORT_KEYS.find((key) => key === query.get('sort')) ?? (stepOf(by) === null ? 'cost' : 'key');
  return {
    by,
    and: and === by ? null : and,
    range,
    days: daysOfRange(range, today, query.get('from'), query.get('to')),
    compare: query.get('compare') === 'yes',
    sort,
    descending: query.get('order') !== 'up',
  };
}

/** The address of that; what it would say anyway is left out. */
export function queryOf(asked: Asked): Record<string, string> {
  const usualSort = stepOf(asked.by) === null ? 'cost' : 'key';
  return {
    by: asked.by === 'model' ? '' : asked.by,
    and: asked.and ?? '',
    range: asked.range === '30d' ? '' : asked.range,
    from: asked.range === 'own' ? asked.days.first : '',
    to: asked.range === 'own' ? asked.days.last : '',
    compare: asked.compare ? 'yes' : '',
    sort: asked.sort === usualSort ? '' : asked.sort,
    order: asked.descending ? '' : 'up',
  };
}

/** The step of a dimension of time; `null`: it is none. */
export function stepOf(by: By | null): Step | null {
  return by === 'day' || by === 'week' || by === 'month' ? by : null;
}

/** What a dimension is called in a sentence: `Model` as `model`. */
export function wordOf(by: By): string {
  return nameOf(by).toLowerCase();
}

export function nameOf(by: By): string {
  return DIMENSIONS.find(([each]) => each === by)?.[1] ?? by;
}

/** The days of a range; own dates that are none, or the wrong way round, are put right. */
export function daysOfRange(range: RangeName, today: string, from: string | null = null, to: string | null = null): Days {
  const month = monthStart(today);
  if (range === 'month') return { first: month, last: today };
  if (range === 'last-month') return { first: addMonths(month, -1), last: addDays(month, -1) };
  if (range === 'year') return { first: `${today.slice(0, 4)}-01-01`, last: today };
  if (range === 'own') {
    const first = isDay(from) ? from : addDays(today, -29);
    const last = isDay(to) ? to : today;
    return first <= last ? { first, last } : { first: last, last: first };
  }
  return { first: addDays(today, 1 - Number.parseInt(range, 10)), last: today };
}

/**
 * The days to compare with: as many before, or the same days of the month or year before, so that a month
 * that has just begun is not set beside a whole one.
 */
export function daysBefore({ range, days }: Pick<Asked, 'range' | 'days'>): Days {
  const { first, last } = days;
  const months = monthsBack(range);
  if (months === null) return { first: addDays(first, -countOf(days)), last: addDays(first, -1) };
  const [start, end] = [addMonths(monthStart(first), -months), addMonths(monthStart(last), -months)];
  const lastOfMonth = addDays(addMonths(end, 1), -1);
  const sameDay = `${end.slice(0, 8)}${last.slice(8)}`;
  return { first: start, last: range === 'last-month' || sameDay > lastOfMonth ? lastOfMonth : sameDay };
}

/** How many days. */
export function countOf({ first, last }: Days): number {
  return Math.round((Date.parse(last) - Date.parse(first)) / DAY_MS) + 1;
}

/** Whether rows of a dimension have a counterpart in the period before: a week has none that began another day. */
export function isComparable(by: By | null, { range, days }: Pick<Asked, 'range' | 'days'>): boolean {
  const step = stepOf(by);
  const inMonths = monthsBack(range) !== null;
  if (step === 'week') return !inMonths && countOf(days) % 7 === 0;
  if (step === 'month') return inMonths;
  return true;
}

/** The key that a row of the period before is set beside; `null`: there is none. */
export function laterKey(by: By, key: string | null, asked: Pick<Asked, 'range' | 'days'>): string | null {
  const step = stepOf(by);
  if (step === null || key === null) return key;
  const months = monthsBack(asked.range);
  if (months === null) return step === 'month' ? null : addDays(key, countOf(asked.days));
  const month = addMonths(`${key.slice(0, 7)}-01`, months);
  if (step === 'month') return month.slice(0, 7);
  const day = `${month.slice(0, 8)}${key.slice(8)}`;
  return day < addMonths(month, 1) && isDay(day) ? day : null;
}

/** The days in words: `23 Oct 2026 to 22 Nov 2026`, `October 2026`. */
export function daysWords({ first, last }: Days, locale?: string): string {
  if (first === last) return formatDayYear(first, locale);
  const isMonth = first === monthStart(first) && last === addDays(addMonths(first, 1), -1);
  return isMonth ? formatMonthYear(first, locale) : `${formatDayYear(first, locale)} to ${formatDayYear(last, locale)}`;
}

/** By how many months a range goes back to be compared; `null`: by its days. */
function monthsBack(range: RangeName): number | null {
  if (range === 'year') return 12;
  return range === 'month' || range === 'last-month' ? 1 : null;
}

function dimension(name: string | null): By | null {
  return DIMENSIONS.find(([by]) => by === name)?.[0] ?? null;
}

function isDay(text: string | null): text is string {
  if (text === null || !DAY.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // A 31st that the month lacks would be read as the next month's first.
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
