/** The rows of a report: named, compared, sorted. */

import { changeOf, type Change } from './change';
import { daysOf, titleOf } from './charts/calendar';
import * as money from './money';
import { isComparable, laterKey, stepOf, wordOf, type Asked, type SortKey } from './report';
import { hrefOf } from './route';
import { addDays } from './time';
import type { By, Pair, Usage, UsageRow } from './types';
import { entryOf, type SpendEntry } from './usage';

/** One row. */
export interface ReportRow extends SpendEntry {
  /** One or two, as the report's dimensions. */
  keys: (string | null)[];
  names: string[];
  /** Beside the period before; `null`: not compared. */
  change: Change | null;
}

/** A report by one dimension or two. */
export type Report = Usage | Usage<Pair>;

/** So many rows are drawn at first. */
export const ROWS_SHOWN = 200;

const collator = new Intl.Collator('en', { numeric: true });
const NOTHING = { calls: 0, cost: 0n, unpriced: 0, promptTokens: 0, outputTokens: 0 };

/** The keys of a row, also where there is one. */
export function keysOf(row: UsageRow<unknown>): (string | null)[] {
  return (Array.isArray(row.key) ? row.key : [row.key]) as (string | null)[];
}

/** All rows; what was only there before is among them where the two are compared. */
export function rowsOf(report: Report, before: Report | null, asked: Asked): ReportRow[] {
  const dimensions = dimensionsOf(asked);
  const rows = new Map<string, ReportRow>();
  for (const row of report.rows) {
    const keys = keysOf(row);
    const id = idOf(keys);
    rows.set(id, { ...entryOf(row, id), keys, names: namesOf(keys, dimensions), change: null });
  }
  if (before !== null && dimensions.every((by) => isComparable(by, asked))) compare(rows, before, asked, dimensions);
  return [...rows.values()];
}

/** The last row, of everything. */
export function totalRow(report: Report, before: Report | null): ReportRow {
  const entry = entryOf(report.total, 'total');
  const costBefore = before === null ? null : entryOf(before.total, 'total').cost;
  return { ...entry, keys: [], names: ['Total'], change: before === null ? null : changeOf('total', entry.cost, costBefore) };
}

/** Rows in the order that was asked for; what is unknown is last either way. */
export function sorted(rows: readonly ReportRow[], sort: SortKey, descending: boolean): ReportRow[] {
  const sign = descending ? -1 : 1;
  const byKey = (a: ReportRow, b: ReportRow, index: number) => compareTexts(a.keys[index], b.keys[index]);
  return [...rows].sort((a, b) => {
    if (sort === 'key' || sort === 'and') {
      const index = sort === 'key' ? 0 : 1;
      return sign * byKey(a, b, index) || compareValues(a.cost, b.cost, -1) || byKey(a, b, 1 - index);
    }
    return compareValues(valueOf(a, sort), valueOf(b, sort), sign) || byKey(a, b, 0) || byKey(a, b, 1);
  });
}

/** The calls of a row; `null` where they cannot be asked for. */
export function callsOf(row: ReportRow, asked: Asked): string | null {
  const query: Record<string, string> = { since: asked.days.first, until: addDays(asked.days.last, 1) };
  for (const [index, by] of dimensionsOf(asked).entries()) {
    const key = row.keys[index] ?? null;
    if (key === null) return null;
    const step = stepOf(by);
    if (step === null) query[by === 'tag' ? 'search' : by] = key;
    else Object.assign(query, daysOf(step, key));
  }
  return hrefOf('calls', null, query);
}

/** The dimensions that were asked for, one or two. */
export function dimensionsOf(asked: Pick<Asked, 'by' | 'and'>): By[] {
  return asked.and === null ? [asked.by] : [asked.by, asked.and];
}

/** A value of a dimension as it is read. */
export function keyWords(by: By, key: string | null): string {
  if (key === null || key === '') return `no ${wordOf(by)}`;
  const step = stepOf(by);
  return step === null ? key : titleOf(step, key);
}

function compare(rows: Map<string, ReportRow>, before: Report, asked: Asked, dimensions: readonly By[]): void {
  const costs = new Map<string, money.Picodollars | null>();
  for (const row of before.rows) {
    const keys = keysOf(row).map((key, index) => laterKey(dimensions[index] ?? asked.by, key, asked));
    const wasNamed = keysOf(row).every((key, index) => key === null || keys[index] !== null);
    // The 31st of a month has none to stand beside in a shorter one; the total has it.
    if (!wasNamed) continue;
    const id = idOf(keys);
    costs.set(id, entryOf(row, id).cost);
    if (!rows.has(id)) rows.set(id, { ...NOTHING, key: id, keys, names: namesOf(keys, dimensions), change: null });
  }
  for (const [id, row] of rows) row.change = changeOf(id, row.cost, costs.has(id) ? (costs.get(id) ?? null) : 0n);
}

function namesOf(keys: readonly (string | null)[], dimensions: readonly By[]): string[] {
  return keys.map((key, index) => keyWords(dimensions[index] ?? 'model', key));
}

function idOf(keys: readonly (string | null)[]): string {
  return JSON.stringify(keys);
}

function valueOf(row: ReportRow, sort: SortKey): bigint | number | null {
  switch (sort) {
    case 'calls':
      return row.calls;
    case 'in':
      return row.promptTokens;
    case 'out':
      return row.outputTokens;
    case 'before':
      return row.change?.before ?? null;
    case 'difference':
      return row.change?.difference ?? null;
    default:
      return row.cost;
  }
}

function compareValues(a: bigint | number | null, b: bigint | number | null, sign: number): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -sign : a > b ? sign : 0;
}

function compareTexts(a: string | null | undefined, b: string | null | undefined): number {
  if (a === undefined || b === undefined) return 0;
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return collator.compare(a, b);
}
