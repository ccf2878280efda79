import { describe, expect, it } from 'vitest';
import { budget, UNKNOWN } from './fixtures/status';
import { endingWords, pastDays, runsOut } from './outlook';
import type { Budget, Forecast, Hits } from './types';

const NOW = Date.parse('2026-11-21T12:04:00Z');
const BERLIN = { locale: 'en-GB', timeZone: 'Europe/Berlin' };

describe('runsOut', () => {
  it.each([
    [{}, null],
    [{ outlook: 'lasts' }, null],
    // Berlin is an hour ahead.
    [{ earliest: '2026-11-21T14:17:00Z', latest: '2026-11-21T15:11:00Z' }, 'between 15:10 and 16:20'],
    [{ earliest: '2026-11-21T14:10:00Z', latest: '2026-11-21T14:10:00Z' }, 'about 15:10'],
    [{ earliest: '2026-11-21T12:05:00Z', latest: '2026-11-21T12:30:00Z' }, 'between 13:04 and 13:30'],
    [{ earliest: '2026-11-21T22:00:00Z', latest: '2026-11-22T09:00:00Z' }, 'between 23:00 and tomorrow 10:00'],
    [{ earliest: '2026-11-24T09:00:00Z', latest: '2026-11-30T09:00:00Z' }, 'between Tue 24 Nov and Mon 30 Nov'],
    [{ earliest: '2026-11-21T14:17:00Z' }, 'perhaps from 15:10 on'],
  ] as [Partial<Forecast>, string | null][])('%j', (parts, words) => {
    const got = runsOut({ ...UNKNOWN, ...parts }, NOW, BERLIN);
    // Some locales put a comma behind the weekday.
    const when = got?.when.replaceAll(/(Mon|Tue),/g, '$1');
    expect(when === undefined ? null : `${got?.isExpected ? '' : 'perhaps '}${when}`).toBe(words);
  });
});

describe('endingWords', () => {
  const range = { ...UNKNOWN, outlook: 'expected', earliest: '2026-11-21T14:17:00Z', latest: '2026-11-21T15:11:00Z' } as const;
  it.each([
    [{}, null],
    [{ forecast: range, state: 'blocked' }, null],
    [{ forecast: range }, 'At this rate it is used up between 15:10 and 16:20; it resets tomorrow 00:00.'],
    [{ forecast: { ...range, latest: null } }, 'At this rate it may be used up from 15:10 on; it resets tomorrow 00:00.'],
    [{ forecast: range, window: '5h' }, 'At this rate it is used up between 15:10 and 16:20.'],
    [{ forecast: range, reset_date: null }, 'At this rate it is used up between 15:10 and 16:20.'],
  ] as [Partial<Budget>, string | null][])('%j', (parts, words) => {
    expect(endingWords(budget(parts), NOW, BERLIN)).toBe(words);
  });
});

it.each([
  [{ earliest: '2026-11-21T14:17:00Z', likely: '2026-11-21T14:44:00Z', latest: '2026-11-21T15:11:00Z' }, '15:40'],
  [{ earliest: '2026-11-24T09:00:00Z', likely: '2026-11-25T09:00:00Z', latest: '2026-11-30T09:00:00Z' }, 'Wed 25 Nov'],
  [{ earliest: '2026-11-21T12:00:00Z', likely: '2026-11-21T12:03:00Z', latest: '2026-11-21T12:30:00Z' }, '13:04'],
  // The range says it already.
  [{ earliest: '2026-11-21T14:10:00Z', likely: '2026-11-21T14:10:00Z', latest: '2026-11-21T14:10:00Z' }, null],
  [{ earliest: '2026-11-21T14:17:00Z', likely: '2026-11-21T15:00:00Z' }, null],
] as [Partial<Forecast>, string | null][])('the middle of %j', (parts, words) => {
  expect(runsOut({ ...UNKNOWN, ...parts }, NOW, BERLIN)?.likely?.replace('Wed,', 'Wed') ?? null).toBe(words);
});

describe('pastDays', () => {
  const thirty: Hits = { days: 30, hit: 9, nine_in_ten: '7.00', is_guess: false };
  it.each([
    [null, null],
    [{ ...thirty, hit: 0 }, null],
    [{ ...thirty, days: 0, hit: 0 }, null],
    [{ ...thirty, days: 1, hit: 1, nine_in_ten: null }, 'Reached on 1 of 1 day'],
    [thirty, 'Reached on 9 of 30 days; $7.00 would have covered nine in ten'],
    [{ ...thirty, is_guess: true }, 'Reached on 9 of 30 days; about $7.00 would have covered nine in ten'],
  ] as [Hits | null, string | null][])('%j', (hits, words) => {
    expect(pastDays(hits, 'USD')).toBe(words);
  });
});
