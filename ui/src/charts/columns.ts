/** Geometry of stacked columns. Numbers here only place pixels. */

import * as money from '../money';
import { linear, ticks } from '../scale';
import type { Column, Series } from './stack';

/** One drawn part of a column. */
export interface Piece {
  /** Its place among the series. */
  series: number;
  y: number;
  height: number;
  /** Whether nothing known stands above it. */
  isTop: boolean;
}

/** What is drawn of one column. */
export interface Drawn {
  pieces: Piece[];
  /** Where the known parts end. */
  y: number;
  /** Whether a mark above them says that more was spent, nobody knows how much. */
  hasUnknown: boolean;
}

/** A labelled line of the money axis. */
export interface MoneyTick {
  value: number;
  label: string;
}

/** A limit further above the tallest column than this would flatten every column. */
const LIMIT_SHOWN_UP_TO = 4;
const GAP = 1;
/** What was spent is seen, however little. */
const HEIGHT_MIN = 1.5;

/** The steps of an axis up to an amount: whole dollars where they are enough, else at least cents. */
export function moneyTicks(max: number, count: number): MoneyTick[] {
  return ticks(max, count).map(({ value, label }) => ({ value, label: moneyLabel(label) }));
}

/** Whether the limit's line is drawn. */
export function showsLimit(limit: money.Picodollars, tallest: money.Picodollars): boolean {
  return limit > 0n && tallest > 0n && limit <= tallest * BigInt(LIMIT_SHOWN_UP_TO);
}

/** The parts of a column from the bottom up, a line of background between them. `top` is the axis' end. */
export function drawn(column: Column, series: readonly Series[], hidden: ReadonlySet<string>, top: number, plotHeight: number): Drawn {
  const shown = column.parts
    .map((part, index) => ({ part, index }))
    .filter(({ index }) => !hidden.has(series[index]?.key ?? ''));
  const pieces: Piece[] = [];
  let sum = 0n;
  let bottom = plotHeight;
  for (const { part, index } of shown) {
    if (part.cost <= 0n) continue;
    sum += part.cost;
    const y = plotHeight - linear(money.toChartNumber(sum), top, plotHeight);
    const height = bottom - y;
    // A part thinner than the gap keeps its place in the sum and shares the pixel of its neighbour.
    const gap = pieces.length > 0 && height > GAP * 2 ? GAP : 0;
    pieces.push({ series: index, y, height: height - gap, isTop: false });
    bottom = y;
  }
  if (pieces.length > 0 && plotHeight - bottom < HEIGHT_MIN) {
    bottom = plotHeight - HEIGHT_MIN;
    pieces.splice(1);
    pieces[0] = { series: pieces[0]?.series ?? 0, y: bottom, height: HEIGHT_MIN, isTop: false };
  }
  const last = pieces.at(-1);
  if (last !== undefined) last.isTop = true;
  return { pieces, y: bottom, hasUnknown: shown.some(({ part }) => part.unpriced > 0) };
}

/** Which of `count` an arrow key leads to; `null` for another key. */
export function stepTo(key: string, index: number, count: number, page = 7): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -count, End: count,
  };
  const step = steps[key];
  return step === undefined ? null : Math.min(count - 1, Math.max(0, index + step));
}

function moneyLabel(digits: string): string {
  const [whole = '0', fraction = ''] = digits.split('.');
  if (/^0*$/.test(whole + fraction)) return '$0';
  return `$${Number(whole).toLocaleString('en-US')}${fraction === '' ? '' : `.${fraction.padEnd(2, '0')}`}`;
}
