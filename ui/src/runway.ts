/** How long credit lasts, for drawing. Numbers here only place pixels. */

import type { Balance } from './types';

const DAY_MS = 86_400_000;

/** The bar shows so many days; what lasts longer is told in words alone. */
export const RUNWAY_DAYS = 60;

/** Shares of the bar, from 0 to 1. */
export interface Runway {
  /** It lasts at least so long. */
  from: number;
  /** It is gone by then. */
  to: number;
}

/** The bar of a balance; `null` where nothing is known of when it is empty. */
export function runwayOf(balance: Balance, nowMs: number): Runway | null {
  const { outlook, earliest, latest } = balance.forecast;
  if (outlook === 'unknown') return null;
  if (outlook === 'gone') return { from: 0, to: 0 };
  if (outlook === 'lasts' || earliest === null) return { from: 1, to: 1 };
  const from = share(Date.parse(earliest), nowMs);
  return { from, to: latest === null ? 1 : Math.max(from, share(Date.parse(latest), nowMs)) };
}

function share(ms: number, nowMs: number): number {
  return Math.min(1, Math.max(0, (ms - nowMs) / (RUNWAY_DAYS * DAY_MS)));
}
