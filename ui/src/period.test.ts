import { describe, expect, it } from 'vitest';
import { budget, UNKNOWN } from './fixtures/status';
import { usage, usageByDay, usageRow } from './fixtures/usage';
import * as money from './money';
import { endWords, periodChart, periodStart, pointAt } from './period';
import type { Budget, Forecast, Usage } from './types';

// 14:00 in Berlin.
const NOW = Date.parse('2026-11-21T13:00:00Z');
const ZONE = 'Europe/Berlin';
const BERLIN = { locale: 'en-GB', timeZone: ZONE };
const expected: Forecast = { outlook: 'expected', earliest: '2026-11-21T15:00:00Z', likely: '2026-11-21T16:00:00Z', latest: '2026-11-21T17:00:00Z' };
const possible: Forecast = { ...expected, outlook: 'possible', likely: null, latest: null };

const chart = (parts: Partial<Budget>, days: Usage | null = null) =>
  periodChart(budget({ used: '2.50', forecast: expected, ...parts }), NOW, ZONE, days);

describe('what is drawn', () => {
  it.each([
    ['not known when', { forecast: UNKNOWN }],
    ['it lasts', { forecast: { ...UNKNOWN, outlook: 'lasts' } }],
    ['it is used up', { state: 'blocked' }],
    ['it never resets', { window: 'total', reset_date: null }],
    ['it frees up bit by bit', { window: '5h' }],
    ['the period is over', { reset_date: '2026-11-21T13:00:00Z' }],
  ] as [string, Partial<Budget>][])('nothing where %s', (_name, parts) => {
    expect(chart(parts)).toBeNull();
  });

  it.each([
    ['the range', {}, { now: 15 / 24, used: 0.5, from: 17 / 24, to: 19 / 24, mayLast: false }],
    ['up to the reset where it may last', { forecast: possible }, { from: 17 / 24, to: 1, mayLast: true }],
    ['not before now', { forecast: { ...expected, earliest: '2026-11-21T12:00:00Z' } }, { from: 15 / 24 }],
    ['not after the reset', { forecast: { ...expected, latest: '2026-11-22T12:00:00Z' } }, { to: 1 }],
    ['top-ups as room', { credits_remaining: '5.00' }, { used: 0.25 }],
    ['no more than all', { used: '7.00' }, { used: 1 }],
    ['tokens', { unit: 'tokens', used: 250, limit: 1_000, credits_remaining: 0 }, { used: 0.25 }],
  ] as [string, Partial<Budget>, object][])('%s', (_name, parts, drawn) => {
    const got = chart({ reset_date: '2026-11-21T22:00:00Z', ...parts });
    expect(got).toMatchObject({ path: [], ...drawn });
  });
});

describe('how the spend grew', () => {
  const week: Partial<Budget> = { window: 'week', reset_date: '2026-11-22T23:00:00Z', limit: '10.00', used: '3.00' };
  const days = usage([usageRow('2026-11-15', 9, '9.00'), usageRow('2026-11-16', 2, '1.00'), usageRow('2026-11-20', 2, '1.50'), usageRow('2026-11-21', 1, '0.50')], 'day');

  it('goes by days, up to now', () => {
    const path = chart(week, days)?.path ?? [];
    expect(path.map((point) => point.y)).toEqual([0, 0.1, 0.1, 0.1, 0.1, 0.25, 0.3]);
    expect(path.map((point) => Math.round(point.x * 700))).toEqual([0, 100, 200, 300, 400, 500, 558]);
  });

  it('gives each day its figures, and finds the day under a pointer', () => {
    const path = chart(week, days)?.path ?? [];
    expect(path.map(({ day, cost, sum }) => [day, money.toText(cost), money.toText(sum)]).slice(4)).toEqual([
      ['2026-11-19', '0.00', '1.00'],
      ['2026-11-20', '1.50', '2.50'],
      ['2026-11-21', '0.50', '3.00'],
    ]);
    expect([0, 0.01, 0.2, 0.6, 0.75, 1].map((place) => pointAt(path, place))).toEqual([1, 1, 2, 5, 6, 6]);
  });

  it.each([
    ['it counts something else', { used: '3.01' }, days],
    ['it is on a part', { scope: { project: 'demo' } }, days],
    ['it counts tokens', { unit: 'tokens', used: 3, limit: 10, credits_remaining: 0 }, days],
    ['a day has no hours', { window: 'day', reset_date: '2026-11-21T23:00:00Z', used: '0.50' }, days],
    ['a cost is unknown', {}, usage([...days.rows, usageRow('2026-11-18', 1, null)], 'day')],
    ['the days are not there', {}, null],
  ] as [string, Partial<Budget>, Usage | null][])('is not told where %s', (_name, parts, known) => {
    expect(chart({ ...week, ...parts }, known)?.path).toEqual([]);
  });

  it('of a month is what the chart of days shows', () => {
    const rows = usageByDay().rows.filter((row) => (row.key ?? '') >= '2026-11-01');
    const used = money.toText(money.sum(rows.map((row) => row.cost_usd)) ?? 0n);
    const path = chart({ window: 'month', reset_date: '2026-11-30T23:00:00Z', limit: '80.00', used }, usageByDay())?.path;
    expect(path).toHaveLength(22);
  });
});

describe('when a period began', () => {
  it.each([
    ['day', '2026-11-21T23:00:00Z', '2026-11-20T23:00:00Z'],
    ['week', '2026-11-22T23:00:00Z', '2026-11-15T23:00:00Z'],
    ['month', '2026-11-30T23:00:00Z', '2026-10-31T23:00:00Z'],
    ['month', '2027-02-28T23:00:00Z', '2027-01-31T23:00:00Z'],
    // On the 31st, where there is one; on the 15th of each month.
    ['month', '2027-03-30T22:00:00Z', '2027-02-27T22:00:00Z'],
    ['month', '2026-12-14T23:00:00Z', '2026-11-14T23:00:00Z'],
  ])('%s until %s', (window, end, start) => {
    expect(new Date(periodStart(window, Date.parse(end), ZONE) ?? 0).toISOString()).toBe(start.replace('Z', '.000Z'));
  });

  it.each(['total', 'call', '5h'])('%s has none', (window) => {
    expect(periodStart(window, NOW, ZONE)).toBeNull();
  });
});

it.each([
  [{ window: 'day', reset_date: '2026-11-21T23:00:00Z' }, ['00:00', 'tomorrow 00:00']],
  [{ window: 'month', reset_date: '2026-11-30T23:00:00Z' }, ['1 Nov', '1 Dec']],
] as [Partial<Budget>, string[]][])('the ends of %j', (parts, words) => {
  const got = chart(parts);
  expect(got && [endWords(got.startMs, got, NOW, BERLIN), endWords(got.endMs, got, NOW, BERLIN)]).toEqual(words);
});
