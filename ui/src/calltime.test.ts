import { describe, expect, it } from 'vitest';
import { callClock, formatElapsed, shownToday, widestTime } from './calltime';

const display = { locale: 'en-GB', timeZone: 'Europe/Berlin' };

describe('the time of a call', () => {
  it.each([
    ['2026-11-21T17:29:41Z', '18:29:41'],
    ['2026-11-20T23:10:00Z', '00:10:00'],
    ['2026-11-20T22:59:00Z', 'Yesterday 23:59'],
    ['2026-03-02T08:00:00Z', '2 Mar 09:00'],
    ['2025-12-31T22:00:00Z', '31/12/25 23:00'],
  ])('%s reads %s', (instant, expected) => expect(callClock(display).short(instant, '2026-11-21')).toBe(expected));

  it.each([
    ['en-GB', 'Yesterday 22:48'],
    ['en-US', 'Yesterday 10:48 PM'],
  ])('has room for the longest in %s', (locale, longest) => expect(widestTime(callClock({ locale, timeZone: 'UTC' }))).toBe(longest.length));

  it('is today in the zone it is shown in', () => expect(shownToday(Date.parse('2026-11-20T23:10:00Z'), display)).toBe('2026-11-21'));

  it.each([
    [0, '0 s'],
    [59_900, '59 s'],
    [185_000, '3 min 5 s'],
    [7_440_000, '2 h 4 min'],
    [-5_000, '0 s'],
  ])('%i ms long is %s', (ms, expected) => expect(formatElapsed(0, ms)).toBe(expected));
});
