import { describe, expect, it } from 'vitest';
import { usage, usageRow } from './fixtures/usage';
import { askedOf, daysBefore, daysOfRange, daysWords, isComparable, laterKey, queryOf, type RangeName } from './report';
import { callsOf, rowsOf, sorted, totalRow } from './report_rows';

const TODAY = '2026-11-22';
const asked = (query: string) => askedOf(new URLSearchParams(query), TODAY);

describe('the address', () => {
  it.each([
    ['', 'model', null, '30d', 'cost'],
    ['by=day', 'day', null, '30d', 'key'],
    ['by=day&and=project&range=year&sort=calls', 'day', 'project', 'year', 'calls'],
    ['by=nonsense&and=nonsense&range=x&sort=y', 'model', null, '30d', 'cost'],
    ['by=model&and=model', 'model', null, '30d', 'cost'],
  ])('%s', (query, by, and, range, sort) => {
    expect(asked(query)).toMatchObject({ by, and, range, sort, descending: true });
  });

  it.each(['', 'by=day&and=model&range=last-month', 'range=own&from=2026-01-05&to=2026-02-01&compare=yes', 'by=client&sort=in&order=up'])('%s is written as it was read', (query) => {
    const written = Object.entries(queryOf(asked(query))).filter(([, value]) => value !== '');
    expect(new URLSearchParams(written).toString()).toBe(query);
  });
});

it.each([
  ['7d', '2026-11-16', '2026-11-22', '2026-11-09', '2026-11-15'],
  ['30d', '2026-10-24', '2026-11-22', '2026-09-24', '2026-10-23'],
  ['month', '2026-11-01', '2026-11-22', '2026-10-01', '2026-10-22'],
  ['last-month', '2026-10-01', '2026-10-31', '2026-09-01', '2026-09-30'],
  ['year', '2026-01-01', '2026-11-22', '2025-01-01', '2025-11-22'],
] as const)('%s', (range, first, last, firstBefore, lastBefore) => {
  const days = daysOfRange(range, TODAY);
  expect(days).toEqual({ first, last });
  expect(daysBefore({ range, days })).toEqual({ first: firstBefore, last: lastBefore });
});

it('a month with more days than the one before is set beside all of it', () => {
  expect(daysBefore({ range: 'month', days: { first: '2026-03-01', last: '2026-03-30' } })).toEqual({ first: '2026-02-01', last: '2026-02-28' });
});

it.each([
  ['2026-02-01', '2026-02-10', '2026-02-01', '2026-02-10'],
  ['2026-02-10', '2026-02-01', '2026-02-01', '2026-02-10'],
  ['2026-02-31', '2026-02-10', '2026-02-10', '2026-10-24'],
  [null, null, '2026-10-24', '2026-11-22'],
])('own dates %s to %s', (from, to, first, last) => {
  expect(daysOfRange('own', TODAY, from, to)).toEqual({ first, last });
});

it.each([
  ['day', '7d', '2026-11-10', '2026-11-17', true],
  ['week', '7d', '2026-11-09', '2026-11-16', true],
  ['week', '30d', null, null, false],
  ['month', '30d', null, null, false],
  ['month', 'year', '2025-03', '2026-03', true],
  ['day', 'month', '2026-10-09', '2026-11-09', true],
  ['day', 'month', '2026-10-31', null, true],
  ['model', '30d', 'gpt-5.1', 'gpt-5.1', true],
] as const)('%s over %s: %s is set beside %s', (by, range, key, later, comparable) => {
  const over = { range: range as RangeName, days: daysOfRange(range, TODAY) };
  expect(isComparable(by, over)).toBe(comparable);
  if (key !== null) expect(laterKey(by, key, over)).toBe(later);
});

it.each([
  ['2026-10-01', '2026-10-31', 'October 2026'],
  ['2026-10-01', '2026-10-01', '1 Oct 2026'],
  ['2026-10-01', '2026-11-22', '1 Oct 2026 to 22 Nov 2026'],
])('%s to %s', (first, last, words) => expect(daysWords({ first, last }, 'en-GB')).toBe(words));

describe('rows', () => {
  const now = usage([usageRow('m10', 1, '1.00'), usageRow('m9', 5, '2.00'), usageRow(null, 2, null)], 'model');
  const before = usage([usageRow('m9', 5, '2.50'), usageRow('gone', 1, '0.10')], 'model');
  const names = (rows: ReturnType<typeof rowsOf>) => rows.map((row) => row.names[0]);

  it.each([
    ['cost', true, ['m9', 'm10', 'gone', 'no model']],
    ['cost', false, ['gone', 'm10', 'm9', 'no model']],
    ['key', false, ['gone', 'm9', 'm10', 'no model']],
    ['calls', true, ['m9', 'no model', 'm10', 'gone']],
    ['difference', true, ['m10', 'gone', 'm9', 'no model']],
  ] as const)('by %s, descending %s', (sort, descending, expected) => {
    expect(names(sorted(rowsOf(now, before, asked('compare=yes')), sort, descending))).toEqual(expected);
  });

  it('compares the total even where rows cannot be', () => {
    const weeks = usage([usageRow('2026-11-16', 1, '1.00')], 'week');
    const rows = rowsOf(weeks, usage([usageRow('2026-10-19', 1, '3.00')], 'week'), asked('by=week&compare=yes'));
    expect(rows.map((row) => row.change)).toEqual([null]);
    expect(totalRow(weeks, before).change?.difference).toBe(-1_600_000_000_000n);
  });

  it.each([
    ['by=model', 'm9', '#/calls?since=2026-10-24&until=2026-11-23&model=m9'],
    ['by=day', '2026-11-21', '#/calls?since=2026-11-21&until=2026-11-22'],
    ['by=tag', 'team=core', '#/calls?since=2026-10-24&until=2026-11-23&search=team%3Dcore'],
    ['by=model', null, null],
  ])('%s leads to calls', (query, key, href) => {
    const [row] = rowsOf(usage([usageRow(key, 1, '1.00')], 'model'), null, asked(query));
    expect(callsOf(row!, asked(query))).toBe(href);
  });
});
