/** Usage reports made ready for the charts and their tables. */

import * as money from './money';
import type { Usage, UsageTotals } from './types';

/** One bar: a day or a model. */
export interface SpendEntry {
  /** The day or the model. */
  key: string;
  calls: number;
  /** `null`: unknown, because a call in it has no price. */
  cost: money.Picodollars | null;
  promptTokens: number | null;
  outputTokens: number | null;
}

/** How many models are drawn before the rest becomes one bar. */
export const MODELS_SHOWN = 7;

/** Everything in the report as one entry. */
export function totalOf(usage: Usage): SpendEntry {
  return entryOf(usage.total, 'Total');
}

/** One entry for each of the days; a day without a call cost nothing. */
export function byDay(usage: Usage, days: readonly string[]): SpendEntry[] {
  const rows = new Map(usage.rows.map((row) => [row.key, row]));
  return days.map((day) => {
    const row = rows.get(day);
    return row ? entryOf(row, day) : { key: day, calls: 0, cost: 0n, promptTokens: 0, outputTokens: 0 };
  });
}

/** Every model, dearest first; those of unknown cost last. */
export function byModel(usage: Usage): SpendEntry[] {
  return usage.rows
    .map((row) => entryOf(row, row.key ?? 'no model'))
    .sort((a, b) => money.compare(b.cost ?? -1n, a.cost ?? -1n) || b.calls - a.calls || a.key.localeCompare(b.key));
}

/** The first few entries, and the others as one. */
export function withRest(entries: readonly SpendEntry[], shown: number): SpendEntry[] {
  if (entries.length <= shown + 1) return [...entries];
  const rest = entries.slice(shown);
  return [
    ...entries.slice(0, shown),
    {
      key: `${rest.length} others`,
      calls: rest.reduce((total, entry) => total + entry.calls, 0),
      cost: addKnown(rest.map((entry) => entry.cost)),
      promptTokens: addKnown(rest.map((entry) => entry.promptTokens)),
      outputTokens: addKnown(rest.map((entry) => entry.outputTokens)),
    },
  ];
}

/** The largest known cost. */
export function largest(entries: readonly SpendEntry[]): money.Picodollars {
  return entries.reduce((top, entry) => (entry.cost !== null && entry.cost > top ? entry.cost : top), 0n);
}

/** What part of a total an entry is, in percent: `45%`, `<1%`; `null` where that cannot be said. */
export function shareOf(entry: SpendEntry, total: money.Picodollars | null): string | null {
  if (entry.cost === null || total === null || total <= 0n) return null;
  if (entry.cost === 0n) return '0%';
  const percent = money.ratio(entry.cost, total) * 100;
  return percent < 1 ? '<1%' : `${Math.round(percent)}%`;
}

function entryOf(row: UsageTotals, key: string): SpendEntry {
  return {
    key,
    calls: row.calls,
    cost: row.cost_usd === null ? null : money.parse(row.cost_usd),
    promptTokens: addKnown([row.input_tokens, row.cache_read_tokens, row.cache_write_5m_tokens, row.cache_write_1h_tokens]),
    outputTokens: row.output_tokens,
  };
}

/** The sum of what is known; unknown only where nothing is. */
function addKnown<T extends number | bigint>(parts: readonly (T | null | undefined)[]): T | null {
  const known = parts.filter((part): part is T => part !== null && part !== undefined);
  return known.length === 0 ? null : known.reduce((total, part) => ((total as bigint) + (part as bigint)) as T);
}
