import { describe, expect, it } from 'vitest';
import * as time from './time';

const display = { locale: 'en-GB', timeZone: 'Europe/Berlin' };
const now = Date.parse('2026-11-21T17:30:00Z');

describe('dayOf', () => {
  it.each([
    ['2026-11-21T22:59:59Z', 'Europe/Berlin', '2026-11-21'],
    ['2026-11-21T23:00:00Z', 'Europe/Berlin', '2026-11-22'],
    ['2026-11-21T23:00:00Z', 'America/Los_Angeles', '2026-11-21'],
    ['2026-03-29T00:30:00Z', 'Asia/Kolkata', '2026-03-29'],
  ])('%s in %s', (instant, zone, day) => {
    expect(time.dayOf(Date.parse(instant), zone)).toBe(day);
  });
});

describe('calendar', () => {
  it.each([
    ['2026-11-21', -29, '2026-10-23'],
    ['2026-02-28', 1, '2026-03-01'],
    ['2028-02-28', 1, '2028-02-29'],
    ['2026-03-29', 1, '2026-03-30'],
  ])('%s plus %d days', (day, days, result) => {
    expect(time.addDays(day, days)).toBe(result);
  });

  it('lists days oldest first', () => {
    expect(time.daysUntil('2026-03-01', 3)).toEqual(['2026-02-27', '2026-02-28', '2026-03-01']);
  });

  it('starts a month', () => {
    expect(time.monthStart('2026-11-21')).toBe('2026-11-01');
  });
});

describe('formatInstant', () => {
  it.each([
    ['2026-11-21T19:05:00Z', '20:05'],
    ['2026-11-21T23:00:00Z', 'tomorrow 00:00'],
    ['2026-11-20T08:00:00Z', 'yesterday 09:00'],
    ['2026-11-30T23:00:00Z', 'Tue 1 Dec, 00:00'],
  ])('%s', (instant, shown) => {
    expect(time.formatInstant(instant, now, display).replace('Tue, ', 'Tue ')).toBe(shown);
  });

  it('follows the locale', () => {
    expect(time.formatInstant('2026-11-21T19:05:00Z', now, { ...display, locale: 'en-US' })).toMatch(/^8:05\sPM$/);
  });
});

it('leaves the weekday out in columns', () => {
  expect(time.formatInstantShort('2026-11-18T08:00:00Z', now, display)).toBe('18 Nov, 09:00');
});

it('takes the day of an instant in the zone shown', () => {
  expect(time.formatDayOf('2026-11-21T23:30:00Z', display)).toMatch(/^Sun,? 22 Nov$/);
});

describe('formatRelative', () => {
  it.each([
    ['2026-11-21T17:30:30Z', 'in less than a minute'],
    ['2026-11-21T17:29:30Z', 'just now'],
    ['2026-11-21T17:47:00Z', 'in 17 min'],
    ['2026-11-21T22:42:00Z', 'in 5 h 12 min'],
    ['2026-11-21T19:30:00Z', 'in 2 h'],
    ['2026-11-22T18:00:00Z', 'in 1 day'],
    ['2026-11-30T23:00:00Z', 'in 9 days'],
    ['2026-11-18T17:30:00Z', '3 days ago'],
  ])('%s', (instant, shown) => {
    expect(time.formatRelative(instant, now)).toBe(shown);
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [840, '840 ms'],
    [4240, '4.2 s'],
    [185_000, '3 min 5 s'],
  ])('%d', (ms, shown) => {
    expect(time.formatDuration(ms)).toBe(shown);
  });
});
