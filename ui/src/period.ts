/** A budget's period with its forecast, for drawing. Numbers here only place pixels. */

import { isRolling, isSome, toExact } from './budget';
import * as money from './money';
import { addDays, browserZone, dayOf, formatDayShort, formatInstant, monthStart, type Display } from './time';
import type { Budget, Usage } from './types';
import { costOf } from './usage';

const DAY_MS = 86_400_000;
/** From so long on, a period's ends are told as days. */
const DAYS_FROM_MS = 2 * DAY_MS;

/** A point of the drawing: shares of the period and of what may be spent in it, from 0 to 1. */
export interface Point {
  x: number;
  y: number;
}

/** Where the spend stood at the end of a day, or stands now. */
export interface DayPoint extends Point {
  /** `null`: at the period's beginning. */
  day: string | null;
  /** What was spent that day, and from the beginning on. */
  cost: money.Picodollars;
  sum: money.Picodollars;
}

/** What is drawn of a period; instants as shares of it. */
export interface PeriodChart {
  startMs: number;
  endMs: number;
  now: number;
  used: number;
  /** How the spend grew until now; none where that is not known, but only what it came to. */
  path: DayPoint[];
  /** When it is used up. */
  from: number;
  to: number;
  /** Whether it may also last, so that nothing bounds it from below. */
  mayLast: boolean;
}

/** The drawing; `null` where nothing runs out within a period that has ends. */
export function periodChart(budget: Budget, nowMs: number, timeZone: string, days: Usage | null): PeriodChart | null {
  const { forecast, reset_date: reset } = budget;
  if (budget.state === 'blocked' || forecast.earliest === null || reset === null || isRolling(budget.window)) return null;
  const endMs = Date.parse(reset);
  const startMs = periodStart(budget.window, endMs, timeZone);
  if (startMs === null || nowMs < startMs || nowMs >= endMs) return null;
  const place = (ms: number) => Math.min(1, Math.max(0, (ms - startMs) / (endMs - startMs)));
  const now = place(nowMs);
  const from = Math.max(now, place(Date.parse(forecast.earliest)));
  const to = forecast.latest === null ? 1 : Math.max(from, place(Date.parse(forecast.latest)));
  const used = share(toExact(budget.used), budget);
  return { startMs, endMs, now, used, path: spentPath(budget, startMs, endMs, nowMs, timeZone, days), from, to, mayLast: forecast.latest === null };
}

/** The day that this share of the period lies in, by its place in the path; the last one for what is yet to come. */
export function pointAt(path: readonly DayPoint[], place: number): number {
  const found = path.findIndex((point, index) => index > 0 && point.x >= place);
  return found === -1 ? path.length - 1 : found;
}

/** When the period that ends then began; `null` for a window without a beginning. */
export function periodStart(window: string, endMs: number, timeZone: string): number | null {
  if (window === 'day') return endMs - DAY_MS;
  if (window === 'week') return endMs - 7 * DAY_MS;
  if (window !== 'month') return null;
  const end = dayOf(endMs, timeZone);
  const daysOfMonthBefore = Number(addDays(monthStart(end), -1).slice(8));
  // A period from the 31st on began on the last day of a shorter month.
  return endMs - Math.max(daysOfMonthBefore, Number(end.slice(8))) * DAY_MS;
}

/** The ends of a period in words: times within a day, else days. */
export function endWords(ms: number, chart: PeriodChart, nowMs: number, display: Display = {}): string {
  if (chart.endMs - chart.startMs < DAYS_FROM_MS) return formatInstant(new Date(ms).toISOString(), nowMs, display);
  return formatDayShort(dayOf(ms, display.timeZone ?? browserZone()), display.locale);
}

/**
 * How the spend grew day by day. Only of a budget on everything are its days known, and only where they
 * come to exactly what it counts do they tell its story.
 */
function spentPath(budget: Budget, startMs: number, endMs: number, nowMs: number, timeZone: string, days: Usage | null): DayPoint[] {
  const isEverything = budget.unit === 'USD' && Object.keys(budget.scope).length === 0;
  if (!isEverything || days === null || budget.window === 'day') return [];
  const costs = new Map(days.rows.map((row) => [row.key, costOf(row)]));
  const today = dayOf(nowMs, timeZone);
  const points: DayPoint[] = [{ x: 0, y: 0, day: null, cost: 0n, sum: 0n }];
  let sum = 0n;
  for (let day = dayOf(startMs, timeZone), index = 1; day <= today; day = addDays(day, 1), index += 1) {
    const cost = costs.has(day) ? (costs.get(day) ?? null) : 0n;
    if (cost === null) return [];
    sum += cost;
    const ms = Math.min(nowMs, startMs + index * DAY_MS);
    points.push({ x: (ms - startMs) / (endMs - startMs), y: share(sum, budget), day, cost, sum });
  }
  return sum === toExact(budget.used) ? points : [];
}

/** How much of all that may be spent in the period this is, top-ups among it. */
function share(amount: bigint, budget: Budget): number {
  const limit = toExact(budget.limit) + (isSome(budget.credits_remaining) ? toExact(budget.credits_remaining) : 0n);
  return Math.min(1, Math.max(0, money.ratio(amount, limit)));
}
