/** Rows of reports summed by one of their dimensions. */

import type { Pair, UsageRow } from './types';
import { dearestFirst, entryOf, type SpendEntry } from './usage';

/** One entry for each value of a pair's dimension, dearest first. `nameless` names the calls that have none. */
export function groupedBy(rows: readonly UsageRow<Pair>[], index: 0 | 1, nameless: string): SpendEntry[] {
  const entries = new Map<string | null, SpendEntry>();
  for (const row of rows) {
    const key = row.key[index];
    const entry = entryOf(row, key ?? nameless);
    const sum = entries.get(key);
    entries.set(key, sum === undefined ? entry : together(sum, entry));
  }
  return dearestFirst([...entries.values()]);
}

function together(a: SpendEntry, b: SpendEntry): SpendEntry {
  return {
    key: a.key,
    calls: a.calls + b.calls,
    cost: a.cost === null ? b.cost : a.cost + (b.cost ?? 0n),
    unpriced: a.unpriced + b.unpriced,
    promptTokens: plus(a.promptTokens, b.promptTokens),
    outputTokens: plus(a.outputTokens, b.outputTokens),
  };
}

function plus(a: number | null, b: number | null): number | null {
  return a === null ? b : a + (b ?? 0);
}
