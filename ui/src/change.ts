/** What rose and what fell between two times. */

import * as money from './money';
import type { SpendEntry } from './usage';

/** One model or project in both times. */
export interface Change {
  key: string;
  /** `null`: unknown. */
  now: money.Picodollars | null;
  before: money.Picodollars | null;
  /** How much more it is now; `null` where one of the two is unknown. */
  difference: money.Picodollars | null;
}

/** Everything that changed, the largest difference first; what is unknown last. */
export function changesOf(now: readonly SpendEntry[], before: readonly SpendEntry[]): Change[] {
  const costs = new Map(before.map((entry) => [entry.key, entry.cost]));
  const costBefore = (key: string) => (costs.has(key) ? (costs.get(key) ?? null) : 0n);
  const known = new Set(now.map((entry) => entry.key));
  const gone = before.filter((entry) => !known.has(entry.key));
  return [
    ...now.map((entry) => changeOf(entry.key, entry.cost, costBefore(entry.key))),
    ...gone.map((entry) => changeOf(entry.key, 0n, entry.cost)),
  ]
    .filter((change) => change.difference !== 0n)
    .sort((a, b) => money.compare(size(b.difference), size(a.difference)) || a.key.localeCompare(b.key));
}

/** One change; a cost that is not known leaves the difference unknown. */
export function changeOf(key: string, now: money.Picodollars | null, before: money.Picodollars | null): Change {
  return { key, now, before, difference: now === null || before === null ? null : now - before };
}

/** The difference with its sign: `+$1.20`, `−$0.31`, `$0.00`; `null` where it is unknown. */
export function differenceWords(change: Change, exact = false): string | null {
  if (change.difference === null) return null;
  const shown = exact ? money.formatExact(change.difference) : money.format(change.difference);
  return change.difference > 0n ? `+${shown}` : shown;
}

/** The difference as a share of what it was: `+12%`, `new`, `gone`; `null` where that cannot be said. */
export function percentWords({ now, before, difference }: Change): string | null {
  if (difference === null || now === null || before === null || difference === 0n) return null;
  if (before <= 0n) return 'new';
  if (now === 0n) return 'gone';
  const percent = money.ratio(difference, before) * 100;
  if (Math.abs(percent) < 1) return '<1%';
  // Beyond that a factor says more than a percentage.
  if (percent >= 900) return `${Math.round(percent / 100 + 1)} times`;
  return `${percent > 0 ? '+' : '−'}${Math.round(Math.abs(percent))}%`;
}

/** How the whole changed: `$1.20 more than in the 7 days before (+12%)`. */
export function changeSentence(change: Change, before: string): string {
  if (change.difference === null) return `How much more or less than in ${before} is unknown.`;
  if (change.difference === 0n) return `As much as in ${before}.`;
  const amount = money.format(size(change.difference));
  const percent = percentWords(change);
  const share = percent === null || percent === 'new' || percent === 'gone' ? '' : ` (${percent})`;
  return `${amount} ${change.difference > 0n ? 'more' : 'less'} than in ${before}${share}.`;
}

/** An amount without its sign; unknown sorts below everything. */
function size(amount: money.Picodollars | null): money.Picodollars {
  if (amount === null) return -1n;
  return amount < 0n ? -amount : amount;
}
