import { describe, expect, it } from 'vitest';
import { chipsOf, filterOf, lastDayOf, queryOf, withFilter } from './callfilter';

const filter = (text: string) => filterOf(new URLSearchParams(text));

describe('a filter', () => {
  it.each([
    ['', {}],
    ['status=refused&model=', { status: 'refused' }],
    ['search=%20fix%20&page=3', { search: 'fix' }],
    ['range=7d', { range: '7d' }],
    ['range=always', {}],
  ])('is read from %s', (text, expected) => expect(filter(text)).toEqual(expected));

  it.each([
    ['range=today', { since: '2026-11-21' }],
    ['range=7d', { since: '2026-11-15' }],
    ['range=month&client=codex', { since: '2026-11-01', client: 'codex' }],
    ['since=2026-11-01&until=2026-11-08', { since: '2026-11-01', until: '2026-11-08' }],
  ])('asks the API: %s', (text, expected) => expect(queryOf(filter(text), '2026-11-21')).toEqual(expected));

  it('has either a span up to now or days', () => {
    expect(withFilter(filter('since=2026-11-01&until=2026-11-08&model=m'), 'range', '7d')).toEqual({ range: '7d', model: 'm' });
    expect(withFilter(filter('range=7d'), 'since', '2026-11-01')).toEqual({ since: '2026-11-01' });
  });

  it('loses a part that is emptied', () => {
    expect(withFilter(filter('model=m&status=failed'), 'model', ' ')).toEqual({ status: 'failed' });
  });
});

describe('chips', () => {
  it.each([
    ['status=refused', ['Status Refused']],
    ['model=gpt-5.1&search=fix', ['Contains fix', 'Model gpt-5.1']],
    ['range=30d', ['Time Last 30 days']],
    ['since=2026-11-01&until=2026-11-08', ['From 1 Nov', 'Until 7 Nov']],
  ])('say %s', (text, expected) => {
    expect(chipsOf(filter(text), 'en-GB').map(({ label, value }) => `${label} ${value}`)).toEqual(expected);
  });

  it('name the last day that is in', () => {
    expect(lastDayOf(filter('until=2026-11-08'))).toBe('2026-11-07');
    expect(lastDayOf(filter('until=2026-11-08T10:00:00Z'))).toBe('');
  });
});
