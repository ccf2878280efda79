/** Usage reports made ready for bars and tables. */

import * as money from './money';
import type { Spend, Usage, UsageTotals } from './types';

/** One bar: a model, a project. */
export interface SpendEntry {
  /** What it is called. */
  key: string;
  calls: number;
  /** What is known of it; `null`: nothing is. */
  cost: money.Picodollars | null;
  /** Calls whose cost is unknown and in no sum. */
  unpriced: number;
  promptTokens: number | null;
  outputTokens: number | null;
}

/** How many models are drawn before the rest becomes one bar. */
export const MODELS_SHOWN = 7;

/** Everything in the report as one entry. */
export function totalOf(usage: Usage): SpendEntry {
  return entryOf(usage.total, 'Total');
}

/** Every model (or what else the rows are), dearest first; those of unknown cost last. */
export function byModel(usage: Usage, nameless = 'no model'): SpendEntry[] {
  return dearestFirst(usage.rows.map((row) => entryOf(row, row.key ?? nameless)));
}

/** Dearest first; those of unknown cost last. */
export function dearestFirst(entries: readonly SpendEntry[]): SpendEntry[] {
  return [...entries].sort((a, b) => money.compare(b.cost ?? -1n, a.cost ?? -1n) || b.calls - a.calls || a.key.localeCompare(b.key));
}

/** The first few entries, and the others as one. */
export function withRest(entries: readonly SpendEntry[], shown: number): SpendEntry[] {
  if (entries.length <= shown + 1) return [...entries];
  const rest = entries.slice(shown);
  return [
    ...entries.slice(0, shown),
    {
      key: `${rest.length.toLocaleString('en-US')} others`,
      calls: rest.reduce((total, entry) => total + entry.calls, 0),
      cost: addKnown(rest.map((entry) => entry.cost)),
      unpriced: rest.reduce((total, entry) => total + entry.unpriced, 0),
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

/** A row as an entry. */
export function entryOf(row: UsageTotals, key: string): SpendEntry {
  return {
    key,
    calls: row.calls,
    cost: costOf(row),
    unpriced: unpricedOf(row),
    promptTokens: addKnown([row.input_tokens, row.cache_read_tokens, row.cache_write_5m_tokens, row.cache_write_1h_tokens]),
    outputTokens: row.output_tokens,
  };
}

/** What is known of a cost; where no call of it has a price, a sum of nothing says nothing. */
export function costOf(spend: Spend): money.Picodollars | null {
  const cost = money.parse(spend.cost_usd);
  return cost === 0n && spend.calls > 0 && unpricedOf(spend) >= spend.calls ? null : cost;
}

/** How many calls of it have an unknown cost. */
export function unpricedOf(spend: Spend): number {
  return spend.unpriced_calls;
}

/** What is unknown of a cost: `2 calls without a price`; `null` where all is known. */
export function unpricedWords(unpriced: number): string | null {
  if (unpriced === 0) return null;
  return unpriced === 1 ? '1 call without a price' : `${unpriced.toLocaleString('en-US')} calls without a price`;
}

/** The sum of what is known; unknown only where nothing is. */
function addKnown<T extends number | bigint>(parts: readonly (T | null | undefined)[]): T | null {
  const known = parts.filter((part): part is T => part !== null && part !== undefined);
  return known.length === 0 ? null : known.reduce((total, part) => ((total as bigint) + (part as bigint)) as T);
}
