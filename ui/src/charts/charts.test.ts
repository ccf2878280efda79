import { describe, expect, it } from 'vitest';
import { usageRow } from '../fixtures/usage';
import * as money from '../money';
import type { Pair, UsageRow } from '../types';
import { columnCount, columnsOf, daysOf, keyOf, labelOf, titleOf } from './calendar';
import { drawn, moneyTicks, showsLimit, stepTo } from './columns';
import { hiddenWords, OTHERS, plainRows, stackOf, stackRows, visibleSum } from './stack';

const row = (key: Pair, cost: string | null, calls = 1, unpriced = 0): UsageRow<Pair> => ({ ...usageRow(null, calls, cost), key, unpriced_calls: unpriced });
const usd = money.parse;
const NONE = new Set<string>();

describe('stackOf', () => {
  const rows = [row(['d1', 'small'], '0.10'), row(['d1', 'big'], '2.00'), row(['d3', 'big'], '1.00'), row(['d3', null], '0.00', 2, 2)];
  const stack = stackOf(stackRows(rows), ['d1', 'd2', 'd3'], 'no model');

  it('has the dearest series first, and calls without one under their own name', () => {
    expect(stack.series.map((each) => [each.name, money.toText(each.total.cost), each.colour])).toEqual([
      ['big', '3.00', 'var(--series-1)'],
      ['small', '0.10', 'var(--series-2)'],
      ['no model', '0.00', 'var(--series-3)'],
    ]);
  });

  it('sums columns exactly and keeps the unknown apart', () => {
    expect(stack.columns.map((each) => [money.toText(each.total.cost), each.total.calls, each.total.unpriced])).toEqual([['2.10', 2, 0], ['0.00', 0, 0], ['1.00', 3, 2]]);
    expect(stack.total).toEqual({ cost: usd('3.10'), calls: 5, unpriced: 2 });
  });

  it('takes the column from the second key too, and one series from plain rows', () => {
    expect(stackOf(stackRows([row(['m', 'd1'], '1.00')], false), ['d1'], '').columns[0]?.total.cost).toBe(usd('1.00'));
    expect(stackOf(plainRows([usageRow('d1', 1, '1.00')], 'All'), ['d1'], '').series.map((each) => each.name)).toEqual(['All']);
  });

  it.each([
    [6, 6, null],
    [7, 7, null],
    [8, 7, '2 others'],
    [20, 7, '14 others'],
  ])('draws %d series as %d', (count, shown, others) => {
    const many = Array.from({ length: count }, (_, index) => row(['d1', `m${index}`], `${index + 1}.00`));
    const { series, columns } = stackOf(stackRows(many), ['d1'], '');
    expect(series).toHaveLength(shown);
    expect(series.find((each) => each.key === OTHERS)?.name ?? null).toBe(others);
    expect(columns[0]?.parts.reduce((sum, part) => sum + part.cost, 0n)).toBe(columns[0]?.total.cost);
  });

  it('says what is hidden, and leaves the total alone', () => {
    expect(hiddenWords(stack.series, NONE)).toBeNull();
    expect(hiddenWords(stack.series, new Set(['big']))).toBe('Hidden: big, $3.00. Totals still count it.');
    expect(hiddenWords(stack.series, new Set(stack.series.map((each) => each.key)))).toBe('Hidden: 3 of 3, $3.10. Totals still count them.');
    expect(visibleSum(stack.columns[0]!.parts, stack.series, new Set(['big'])).cost).toBe(usd('0.10'));
  });
});

describe('drawn', () => {
  const stack = stackOf(stackRows([row(['d', 'a'], '6.00'), row(['d', 'b'], '4.00'), row(['d', 'c'], '0.00', 1, 1), row(['e', 'a'], '0.000001')]), ['d', 'e', 'f'], '');
  const [day, tiny, none] = stack.columns.map((column) => drawn(column, stack.series, NONE, 10, 100));

  it('stands parts on each other with a line between', () => {
    expect(day?.pieces).toEqual([
      { series: 0, y: 40, height: 60, isTop: false },
      { series: 1, y: 0, height: 39, isTop: true },
    ]);
  });

  it('marks what is unknown, not where it is hidden', () => {
    expect([day?.hasUnknown, tiny?.hasUnknown, none?.hasUnknown]).toEqual([true, false, false]);
    expect(drawn(stack.columns[0]!, stack.series, new Set(['c']), 10, 100).hasUnknown).toBe(false);
  });

  it('shows the smallest spend and draws nothing of nothing', () => {
    expect(tiny?.pieces).toEqual([{ series: 0, y: 98.5, height: 1.5, isTop: true }]);
    expect(none?.pieces).toEqual([]);
  });

  it('lets what is above fall down where a part is hidden', () => {
    expect(drawn(stack.columns[0]!, stack.series, new Set(['a']), 10, 100).pieces).toEqual([{ series: 1, y: 60, height: 40, isTop: true }]);
  });
});

it.each([
  [4.2, ['$0', '$2', '$4', '$6']],
  [0.6, ['$0', '$0.20', '$0.40', '$0.60']],
  [0.02, ['$0', '$0.01', '$0.02']],
  [0.003, ['$0', '$0.001', '$0.002', '$0.003']],
  [12_000, ['$0', '$5,000', '$10,000', '$15,000']],
])('money up to %d', (max, labels) => {
  expect(moneyTicks(max, 3).map((tick) => tick.label)).toEqual(labels);
});

it.each([
  ['5.00', '2.00', true],
  ['8.01', '2.00', false],
  ['5.00', '0.00', false],
  ['0.00', '2.00', false],
])('a limit of %s above %s', (limit, tallest, shown) => expect(showsLimit(usd(limit), usd(tallest))).toBe(shown));

it.each([
  ['ArrowLeft', 0, 0],
  ['ArrowRight', 3, 4],
  ['PageUp', 9, 2],
  ['Home', 9, 0],
  ['End', 2, 9],
  ['x', 2, null],
])('%s from %d', (key, from, to) => expect(stepTo(key, from, 10)).toBe(to));

describe('calendar', () => {
  it.each([
    ['day', '2026-11-29', '2026-12-01', ['2026-11-29', '2026-11-30', '2026-12-01']],
    ['week', '2026-11-21', '2026-12-01', ['2026-11-16', '2026-11-23', '2026-11-30']],
    ['month', '2026-11-21', '2027-01-01', ['2026-11', '2026-12', '2027-01']],
  ] as const)('%s from %s to %s', (step, first, last, keys) => {
    expect(columnsOf(step, first, last)).toEqual(keys);
    expect(columnCount(step, first, last)).toBeLessThanOrEqual(keys.length);
  });

  it.each([
    ['day', '2026-11-21', 'Sat 21 Nov', '21 Nov', '2026-11-22'],
    ['week', '2026-11-16', 'Week of Mon 16 Nov', '16 Nov', '2026-11-23'],
    ['month', '2026-11', 'November 2026', 'Nov', '2026-12-01'],
    ['month', '2026-01', 'January 2026', 'Jan 2026', '2026-02-01'],
  ] as const)('%s %s', (step, key, title, label, until) => {
    expect(titleOf(step, key, 'en-GB').replaceAll(',', '')).toBe(title);
    expect(labelOf(step, key, '2027-06-01', 'en-GB')).toBe(label);
    expect(daysOf(step, key).until).toBe(until);
    expect(keyOf(step, daysOf(step, key).since)).toBe(key);
  });

  it('names what still goes on', () => {
    const today = '2026-11-22';
    expect([labelOf('day', today, today), labelOf('week', '2026-11-16', today), labelOf('month', '2026-11', today)]).toEqual(['Today', 'This week', 'This month']);
  });
});
