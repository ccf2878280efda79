import { describe, expect, it } from 'vitest';
import { changeOf, changesOf, changeSentence, differenceWords, percentWords } from './change';
import { alert, alerts } from './fixtures/alerts';
import { balance, budget, empty, quiet, refusing } from './fixtures/status';
import { usage, usageRow } from './fixtures/usage';
import * as money from './money';
import { asked, attention, balanceRunway, budgetsInOrder, isFirstRun, lastMonthWords, runwayWords, twoWeeks, yesterdayWords } from './overview';
import type { UnpricedModels } from './types';
import { byModel } from './usage';

const display = { locale: 'en-GB', timeZone: 'Europe/Berlin' };
const now = Date.parse(quiet.as_of);
const usd = money.parse;

it.each([
  ['', 'model', '30'],
  ['by=project&days=7', 'project', '7'],
  ['by=x&days=31', 'model', '30'],
])('the address %s', (query, part, days) => expect(asked(new URLSearchParams(query))).toEqual({ part, days }));

it.each([
  [empty, 0, true],
  [empty, null, false],
  [empty, 1, false],
  [quiet, 0, false],
])('a first run %#', (status, calls, first) => expect(isFirstRun(status, calls)).toBe(first));

describe('attention', () => {
  const titles = (...args: Parameters<typeof attention>) => attention(...args).map((each) => each.title);

  it('is needed by nothing where all is well', () => {
    expect(attention({ ...quiet, budgets: [] }, [alert({ severity: 'info' })], { models: [] }, now)).toEqual([]);
  });

  it('says each thing once, what stops calls first', () => {
    const status = { ...refusing, balances: [balance({ is_stale: true, observed_at: '2026-11-10T17:30:00Z' })] };
    const unpriced = { models: [{ provider: 'work', model: 'house-7b', calls: 2, last_used: quiet.as_of, nearest: null }] };
    const more = [...alerts, alert({ id: '9', kind: 'unpriced_model', subject: 'house-7b' }), alert({ id: '10', subject: 'week', title: "Budget 'week' is 80 % used" })];
    expect(titles(status, more, unpriced, now, display)).toEqual([
      'Budget day refuses calls',
      "Budget 'week' is 80 % used",
      'house-7b has no price',
      'What is left at openai may be out of date',
    ]);
  });

  it.each<[string, UnpricedModels | null, string[]]>([
    ['is over once its model has a price', { models: [] }, []],
    ['stays where that could not be looked up', null, ["'house-7b' has no price"]],
  ])('an alert of a model without a price %s', (_name, unpriced, expected) => {
    const told = alert({ kind: 'unpriced_model', subject: 'house-7b', title: "'house-7b' has no price" });
    expect(titles({ ...quiet, budgets: [] }, [told], unpriced, now)).toEqual(expected);
  });

  it('tells of an account whose credit is used up', () => {
    const status = { ...quiet, stopped_accounts: [{ account: 'openai', emptied_at: quiet.as_of, remaining: null, floor: null }] };
    expect(attention(status, [], null, now)[0]).toMatchObject({ level: 'stop', title: 'Calls to openai are refused', href: '#/balances' });
  });
});

describe('runway', () => {
  const expected = { outlook: 'expected' as const, earliest: '2026-11-21T18:00:00Z', likely: null, latest: '2026-11-21T19:00:00Z' };
  it.each([
    [budget(), '$2.82 left, resets tomorrow 00:00'],
    [budget({ forecast: expected }), 'Used up between 19:00 and 20:00 at this rate'],
    [budget({ forecast: { ...expected, outlook: 'possible', latest: null } }), 'May be used up from 19:00 on at this rate'],
    [budget({ forecast: { outlook: 'lasts', earliest: null, likely: null, latest: null } }), '$2.82 left, lasts until it resets tomorrow 00:00'],
    [budget({ state: 'blocked', reset_date: null }), 'Refuses calls until it is raised'],
    [budget({ state: 'blocked' }), 'Refuses calls until tomorrow 00:00'],
    [budget({ state: 'warned', kind: 'soft', used: '6.00', remaining: '0.00', reset_date: '2026-11-30T23:00:00Z' }), 'Over by $1.00, resets Tue 1 Dec'],
    [budget({ state: 'paused' }), 'Paused: refuses nothing'],
    [budget({ window: '5h', reset_date: '2026-11-21T18:05:00Z' }), '$2.82 left, frees up from 19:05'],
  ])('%# of a budget', (each, words) => expect(runwayWords(each, now, display).replaceAll(',', '')).toBe(words.replaceAll(',', '')));

  it.each([
    [balance({ refusing: true }), 'Refuses calls until it is topped up'],
    [balance(), 'Empty about Fri 4 Dec at this rate'],
    [balance({ forecast: { outlook: 'gone', earliest: null, likely: null, latest: null } }), 'Nothing is left'],
  ])('%# of a balance', (each, words) => expect(balanceRunway(each, now, display).replaceAll(',', '')).toBe(words));

  it('puts those first that ask for something', () => {
    expect(budgetsInOrder(refusing.budgets).map((each) => each.name)).toEqual(['day', 'month', 'ci']);
  });
});

describe('beside the past', () => {
  const days = usage([usageRow('2026-10-02', 1, '2.00'), usageRow('2026-10-31', 1, '1.00'), usageRow('2026-11-20', 1, '0.50')], 'day');

  it('sets yesterday and the month before', () => {
    expect(yesterdayWords(days, '2026-11-21')).toBe('Yesterday $0.50 in all');
    expect(yesterdayWords(days, '2026-11-20')).toBe('Yesterday $0.00 in all');
    expect(lastMonthWords(days, '2026-11-21', 'en-GB')).toBe('October $2.00 by this day, $3.00 in all');
  });

  it('says unknown where a day is', () => {
    expect(yesterdayWords(usage([usageRow('2026-11-20', 1, null)], 'day'), '2026-11-21')).toBe('Yesterday unknown in all');
  });

  it('takes as much of both weeks, without a gap', () => {
    const weeks = twoWeeks(Date.parse('2026-11-21T17:31:00Z'));
    expect(weeks.now).toEqual({ since: '2026-11-14T17:45:00.000Z', until: '2026-11-21T17:45:00.000Z' });
    expect(weeks.before).toEqual({ since: '2026-11-07T17:45:00.000Z', until: weeks.now.since });
  });
});

describe('changes', () => {
  it('are sorted by how large they are; what is unknown is last, what is the same left out', () => {
    const after = byModel(usage([usageRow('a', 1, '1.00'), usageRow('b', 1, '5.00'), usageRow('new', 1, '0.20'), usageRow('u', 1, null)], 'model'));
    const before = byModel(usage([usageRow('a', 1, '4.00'), usageRow('b', 1, '5.00'), usageRow('old', 1, '0.70')], 'model'));
    const changes = changesOf(after, before);
    expect(changes.map((each) => [each.key, differenceWords(each), percentWords(each)])).toEqual([
      ['a', '−$3.00', '−75%'],
      ['old', '−$0.70', 'gone'],
      ['new', '+$0.20', 'new'],
      ['u', null, null],
    ]);
  });

  it.each([
    ['2.00', '1.00', '$1.00 more than in October (+100%).'],
    ['0.50', '1.00', '$0.50 less than in October (−50%).'],
    ['1.00', '1.00', 'As much as in October.'],
    ['30.00', '1.00', '$29.00 more than in October (30 times).'],
    ['1.001', '1.00', '$0.001 more than in October (<1%).'],
    ['1.00', '0.00', '$1.00 more than in October.'],
    [null, '1.00', 'How much more or less than in October is unknown.'],
  ])('%s after %s', (after, before, words) => {
    expect(changeSentence(changeOf('x', after === null ? null : usd(after), usd(before)), 'October')).toBe(words);
  });
});
