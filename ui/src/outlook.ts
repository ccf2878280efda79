/** Forecasts in words: when a budget is used up, when a balance is empty. */

import { formatAmount, isRolling } from './budget';
import { browserZone, dayOf, formatDay, formatInstant, type Display } from './time';
import type { Budget, BudgetUnit, Forecast, Hits } from './types';

const MINUTE_MS = 60_000;
/** Instants of a range are told to this many milliseconds: it is no better than that. */
const GRAIN_MS = 10 * MINUTE_MS;
/** From so far ahead on, days are told and no times. */
const DAYS_FROM_MS = 48 * 60 * MINUTE_MS;

/** When something runs out. */
export interface Ending {
  /** Whether it does at this rate, and does not only perhaps. */
  isExpected: boolean;
  /** `between 15:10 and 16:20`, `from 15:10 on`. */
  when: string;
  /** The middle of the range, where it says more than the range. */
  likely: string | null;
}

/** When it runs out; `null` where that is not known or not in sight. */
export function runsOut(forecast: Forecast, nowMs: number, display: Display = {}): Ending | null {
  if (forecast.earliest === null) return null;
  const earliest = Math.max(floorTo(Date.parse(forecast.earliest), GRAIN_MS), nowMs);
  if (forecast.latest === null) {
    return { isExpected: false, when: `from ${instant(earliest, earliest, nowMs, display)} on`, likely: null };
  }
  const latest = -floorTo(-Date.parse(forecast.latest), GRAIN_MS);
  const [from, to] = [instant(earliest, latest, nowMs, display), instant(latest, latest, nowMs, display)];
  if (from === to) return { isExpected: true, when: `about ${from}`, likely: null };
  return { isExpected: true, when: `between ${from} and ${to}`, likely: likelyWords(forecast, latest, nowMs, display) };
}

/** When a budget is used up and when it resets: `At this rate it is used up between 15:10 and 16:20; it resets 00:00.` */
export function endingWords(budget: Budget, nowMs: number, display: Display = {}): string | null {
  const ending = budget.state === 'blocked' ? null : runsOut(budget.forecast, nowMs, display);
  if (ending === null) return null;
  const reset = budget.reset_date === null || isRolling(budget.window) ? '' : `; it resets ${formatInstant(budget.reset_date, nowMs, display)}`;
  return `At this rate it ${ending.isExpected ? 'is' : 'may be'} used up ${ending.when}${reset}.`;
}

/** How the past days fared: `Reached on 9 of 30 days; about $7.00 would have covered nine in ten`. */
export function pastDays(hits: Hits | null, unit: BudgetUnit): string | null {
  if (hits === null || hits.days === 0 || hits.hit === 0) return null;
  const reached = `Reached on ${hits.hit} of ${hits.days === 1 ? '1 day' : `${hits.days} days`}`;
  if (hits.nine_in_ten === null) return reached;
  return `${reached}; ${hits.is_guess ? 'about ' : ''}${formatAmount(hits.nine_in_ten, unit)} would have covered nine in ten`;
}

function likelyWords(forecast: Forecast, latestMs: number, nowMs: number, display: Display): string | null {
  if (forecast.likely === null) return null;
  return instant(Math.max(floorTo(Date.parse(forecast.likely), GRAIN_MS), nowMs), latestMs, nowMs, display);
}

/** One end of a range; both are told alike, as days where the later one is far. */
function instant(ms: number, latestMs: number, nowMs: number, display: Display): string {
  if (latestMs - nowMs >= DAYS_FROM_MS) return formatDay(dayOf(ms, display.timeZone ?? browserZone()), display.locale);
  return formatInstant(new Date(ms).toISOString(), nowMs, display);
}

function floorTo(ms: number, grainMs: number): number {
  return Math.floor(ms / grainMs) * grainMs;
}
