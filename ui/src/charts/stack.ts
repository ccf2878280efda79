/** Spend over time by series, made ready to be drawn as stacked columns. */

import * as money from '../money';
import type { Pair, UsageRow } from '../types';
import { costOf, unpricedOf } from '../usage';

/** What is known of a cost, and how much of it is not. */
export interface Sum {
  /** The sum of what is known. */
  cost: money.Picodollars;
  /** Calls whose cost is unknown. */
  unpriced: number;
  calls: number;
}

/** One model or project through all columns. */
export interface Series {
  /** Stable across reloads. */
  key: string;
  name: string;
  /** A colour of the page. */
  colour: string;
  total: Sum;
}

/** One day, week or month; parts in the order of the series. */
export interface Column {
  key: string;
  parts: Sum[];
  total: Sum;
}

/** All columns; the dearest series first, which is drawn at the bottom. */
export interface Stack {
  series: Series[];
  columns: Column[];
  total: Sum;
}

/** Series with a colour of their own; what is beyond them is drawn as one. */
export const SERIES_MAX = 6;
/** The key of the one that gathers the rest. */
export const OTHERS = '\u0000others';
const NAMELESS = '\u0000none';

/** A row of spend: in which column, of which series. */
export interface StackRow extends Sum {
  column: string;
  /** `null`: the calls have none. */
  series: string | null;
}

/** Rows by two dimensions, the column's being the first or the second. */
export function stackRows(rows: readonly UsageRow<Pair>[], columnIsFirst = true): StackRow[] {
  return rows.map((row) => {
    const [column, series] = columnIsFirst ? row.key : [row.key[1], row.key[0]];
    return { column: column ?? '', series, ...sumOf(row) };
  });
}

/** Rows by one dimension, all of one series. */
export function plainRows(rows: readonly UsageRow[], series: string): StackRow[] {
  return rows.map((row) => ({ column: row.key ?? '', series, ...sumOf(row) }));
}

/** The stack of these columns; a column without a row had no call. `nameless` names the series of calls that have none. */
export function stackOf(rows: readonly StackRow[], columns: readonly string[], nameless: string): Stack {
  const all = seriesOf(rows, nameless);
  const places = new Map(all.places);
  const byColumn = new Map(columns.map((key) => [key, { key, parts: all.series.map(nothing), total: nothing() }]));
  for (const row of rows) {
    const column = byColumn.get(row.column);
    if (column === undefined) continue;
    add(column.parts[places.get(row.series ?? NAMELESS) ?? 0] ?? nothing(), row);
    add(column.total, row);
  }
  const total = nothing();
  for (const column of byColumn.values()) add(total, column.total);
  return { series: all.series, columns: [...byColumn.values()], total };
}

/** What is hidden: `gpt-5.1`, `3 of 7`; `null` where nothing is. */
export function hiddenWords(series: readonly Series[], hidden: ReadonlySet<string>): string | null {
  const away = series.filter((each) => hidden.has(each.key));
  if (away.length === 0) return null;
  const cost = away.reduce((sum, each) => sum + each.total.cost, 0n);
  const names = away.length <= 2 ? away.map((each) => each.name).join(' and ') : `${away.length} of ${series.length}`;
  return `Hidden: ${names}, ${money.format(cost)}. Totals still count ${away.length === 1 ? 'it' : 'them'}.`;
}

/** The series that are shown now together, in a column or as a whole. */
export function visibleSum(parts: readonly Sum[], series: readonly Series[], hidden: ReadonlySet<string>): Sum {
  const sum = nothing();
  parts.forEach((part, index) => {
    if (!hidden.has(series[index]?.key ?? '')) add(sum, part);
  });
  return sum;
}

function seriesOf(rows: readonly StackRow[], nameless: string): { series: Series[]; places: [string, number][] } {
  const sums = new Map<string, Sum>();
  for (const row of rows) {
    const key = row.series ?? NAMELESS;
    const sum = sums.get(key) ?? nothing();
    add(sum, row);
    sums.set(key, sum);
  }
  const ordered = [...sums].sort(
    ([a, x], [b, y]) => money.compare(y.cost, x.cost) || y.calls - x.calls || a.localeCompare(b),
  );
  // One more is not gathered: it would be called "1 other" and say less.
  const shown = ordered.length <= SERIES_MAX + 1 ? ordered.length : SERIES_MAX;
  const series = ordered.slice(0, shown).map(([key, total], index) => ({
    key,
    name: key === NAMELESS ? nameless : key,
    colour: colourOf(index),
    total,
  }));
  const rest = ordered.slice(shown);
  if (rest.length > 0) {
    const total = nothing();
    rest.forEach(([, sum]) => add(total, sum));
    series.push({ key: OTHERS, name: `${rest.length.toLocaleString('en-US')} others`, colour: colourOf(SERIES_MAX), total });
  }
  return { series, places: ordered.map(([key], index) => [key, Math.min(index, shown)]) };
}

function colourOf(index: number): string {
  return index < SERIES_MAX ? `var(--series-${index + 1})` : 'var(--series-rest)';
}

function sumOf(row: UsageRow<unknown>): Sum {
  return { cost: costOf(row) ?? 0n, unpriced: unpricedOf(row), calls: row.calls };
}

function nothing(): Sum {
  return { cost: 0n, unpriced: 0, calls: 0 };
}

function add(sum: Sum, more: Sum): void {
  sum.cost += more.cost;
  sum.unpriced += more.unpriced;
  sum.calls += more.calls;
}
