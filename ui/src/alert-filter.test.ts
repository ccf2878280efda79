import { expect, it } from 'vitest';
import { chosenAlerts, filterOf, isNarrowed, kindsOf, kindWords, queryOf, testWords } from './alert-filter';
import { alerts } from './fixtures/alerts';
import type { AlertTest } from './types';

const filter = (query: string) => filterOf(new URLSearchParams(query));

it.each([
  ['', ['2', '1']],
  ['show=all', ['2', '1', '3', '4']],
  ['show=all&severity=info', ['3']],
  ['severity=critical', ['2']],
  ['show=all&kind=balance_low', ['4']],
  ['kind=balance_low', []],
  ['severity=loud&show=some', ['2', '1']],
])('%j shows %j', (query, ids) => expect(chosenAlerts(alerts, filter(query)).map((alert) => alert.id)).toEqual(ids));

it('is what the address says', () => {
  expect(queryOf(filter('show=all&severity=critical&kind=loop'))).toEqual({ show: 'all', severity: 'critical', kind: 'loop' });
  expect(queryOf(filter(''))).toEqual({ show: '', severity: '', kind: '' });
  expect([isNarrowed(filter('show=all')), isNarrowed(filter('kind=loop'))]).toEqual([false, true]);
});

it('names the kinds there are, and the one that is chosen', () => {
  expect(kindsOf(alerts, filter('kind=loop')).map(kindWords)).toEqual(['Budget filling up', 'Calls refused', 'Client repeats itself', 'Credit low', 'Room again']);
  expect(kindWords('brand_new')).toBe('brand new');
});

it.each<[boolean[], RegExp]>([
  [[], /^No way leads to you/],
  [[true], /^The test arrived\.$/],
  [[true, true], /all 2 ways/],
  [[true, false], /1 of 2 ways/],
  [[false, false], /nowhere/],
])('a test on ways %j', (ways, expected) => {
  const test: AlertTest = { ways: ways.map((delivered) => ({ channel: 'desktop', delivered, error: null, fix: null })) };
  expect(testWords(test)).toMatch(expected);
});
