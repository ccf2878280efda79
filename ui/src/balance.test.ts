import { describe, expect, it } from 'vitest';
import { emptyWords, isLow, warnWords } from './balance';
import { balance, UNKNOWN } from './fixtures/status';
import type { Balance, Forecast } from './types';

const NOW = Date.parse('2026-11-21T17:30:00Z');
const BERLIN = { locale: 'en-GB', timeZone: 'Europe/Berlin' };

describe('isLow', () => {
  it.each([
    ['4.99', '5.00', true],
    ['5.00', '5.00', false],
    ['-0.01', '0.00', true],
    ['0.00', null, false],
  ])('%s with a level of %s', (remaining, level, low) => {
    expect(isLow(balance({ remaining, warn_below: level }))).toBe(low);
  });
});

describe('emptyWords', () => {
  it.each([
    [{ outlook: 'lasts' }, 'Lasts two months or more at this rate'],
    [{ outlook: 'gone' }, 'Nothing is left'],
    [{ outlook: 'expected', earliest: '2026-11-24T09:00:00Z', likely: '2026-11-25T09:00:00Z', latest: '2026-11-30T09:00:00Z' }, 'Empty about Wed 25 Nov (between Tue 24 Nov and Mon 30 Nov) at this rate'],
    [{ outlook: 'expected', earliest: '2026-11-22T09:00:00Z', likely: '2026-11-22T12:00:00Z', latest: '2026-11-22T15:00:00Z' }, 'Empty about tomorrow 13:00 (between tomorrow 10:00 and tomorrow 16:00) at this rate'],
    [{ outlook: 'expected', earliest: '2026-11-21T19:00:00Z', likely: '2026-11-21T19:00:00Z', latest: '2026-11-21T19:00:00Z' }, 'Empty about 20:00 at this rate'],
    [{ outlook: 'unknown' }, 'Not known when it will be empty'],
    [{ outlook: 'possible', earliest: '2026-11-28T09:00:00Z' }, 'May be empty from Sat 28 Nov on at this rate'],
  ] as [Partial<Forecast>, string][])('%j', (parts, words) => {
    expect(emptyWords(balance({ forecast: { ...UNKNOWN, ...parts } }), NOW, BERLIN).replaceAll(',', '')).toBe(words.replaceAll(',', ''));
  });
});

describe('warnWords', () => {
  it.each([
    [{}, 'Warns below $5.00'],
    [{ warn_below: null }, 'Warns 24 hours before it is empty'],
    [{ warn_below: null, warn_hours: 0 }, 'Warns of nothing'],
    [{ warn_below: null, warn_hours: 1 }, 'Warns 1 hour before it is empty'],
    [{ warn_hours: 48 }, 'Warns below $5.00 and 48 hours before it is empty'],
    [{ warn_below: '4.00', warn_percent: 20 }, 'Warns below 20% of the last top-up ($4.00)'],
    [{ warn_below: null, warn_percent: 20 }, 'Warns below 20% of the last top-up and 24 hours before it is empty'],
    [{ warn_below: '30.00', currency: 'CNY' }, 'Warns below 30.00 CNY'],
  ] as [Partial<Balance>, string][])('%j', (parts, words) => {
    expect(warnWords(balance(parts))).toBe(words);
  });
});
