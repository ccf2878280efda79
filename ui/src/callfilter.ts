/** Which calls are listed, as the address says it: `#/calls?status=refused&range=7d`. */

import type { CallQuery } from './api';
import { STATUS_WORDS } from './calls';
import { addDays, dayOf, formatDayShort, monthStart } from './time';
import type { CallStatus } from './types';

/** What one can filter by, with what it is called, in the order of the chips. */
export const FILTERS = {
  search: 'Contains',
  status: 'Status',
  range: 'Time',
  since: 'From',
  until: 'Until',
  model: 'Model',
  provider: 'Provider',
  project: 'Project',
  client: 'Client',
  session: 'Session',
  key: 'Key',
  source: 'Recorded by',
} as const;

export type FilterName = keyof typeof FILTERS;
export type CallFilter = Partial<Record<FilterName, string>>;

/** Spans of time up to now, each with its words. */
export const RANGES = {
  today: 'Today',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  month: 'This month',
} as const;

const NAMES = Object.keys(FILTERS) as FilterName[];

/** Reads an address; what is empty or unknown says nothing. */
export function filterOf(asked: URLSearchParams): CallFilter {
  const filter: CallFilter = {};
  for (const name of NAMES) {
    const value = asked.get(name)?.trim();
    if (!value || (name === 'range' && !(value in RANGES))) continue;
    filter[name] = value;
  }
  return filter;
}

/** The filter with one part set; an empty value takes it away. A span up to now and days exclude each other. */
export function withFilter(filter: CallFilter, name: FilterName, value: string): CallFilter {
  const next = { ...filter };
  if (name === 'range') {
    delete next.since;
    delete next.until;
  } else if (name === 'since' || name === 'until') delete next.range;
  const set = value.trim();
  if (set === '') delete next[name];
  else next[name] = set;
  return next;
}

/** The question to the API. */
export function queryOf({ range, ...filter }: CallFilter, today: string): CallQuery {
  const since = range === undefined ? undefined : sinceOf(range, today);
  return since === undefined ? filter : { ...filter, since };
}

/** One part of a filter in words. */
export interface Chip {
  name: FilterName;
  label: string;
  value: string;
}

export function chipsOf(filter: CallFilter, locale?: string): Chip[] {
  return NAMES.flatMap((name) => {
    const value = filter[name];
    return value === undefined ? [] : [{ name, label: FILTERS[name], value: wordsOf(name, value, locale) }];
  });
}

/** The last day that is in it, where the address has the day after it; empty where it has none. */
export function lastDayOf(filter: CallFilter): string {
  return isDay(filter.until) ? addDays(filter.until, -1) : '';
}

function sinceOf(range: string, today: string): string | undefined {
  if (range === 'today') return today;
  if (range === 'month') return monthStart(today);
  const days = /^(\d+)d$/.exec(range);
  return days ? addDays(today, 1 - Number(days[1])) : undefined;
}

function wordsOf(name: FilterName, value: string, locale?: string): string {
  if (name === 'status') return STATUS_WORDS[value as CallStatus] ?? value;
  if (name === 'range') return RANGES[value as keyof typeof RANGES];
  if (name !== 'since' && name !== 'until') return value;
  // The end of a span of days is the day after its last one.
  if (isDay(value)) return formatDayShort(name === 'until' ? addDays(value, -1) : value, locale);
  const instant = Date.parse(value);
  return Number.isNaN(instant) ? value : formatDayShort(dayOf(instant, 'UTC'), locale);
}

function isDay(value: string | undefined): value is string {
  return value !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(value);
}
