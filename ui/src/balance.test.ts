import { describe, expect, it } from 'vitest';
import { balanceNotes, emptyWords, isLow } from './balance';
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
    [{ outlook: 'unknown' }, 'Not known when it will be empty'],
    [{ outlook: 'possible', earliest: '2026-11-28T09:00:00Z' }, 'May be empty from Sat 28 Nov on at this rate'],
  ] as [Partial<Forecast>, string][])('%j', (parts, words) => {
    expect(emptyWords(balance({ forecast: { ...UNKNOWN, ...parts } }), NOW, BERLIN).replaceAll(',', '')).toBe(words.replaceAll(',', ''));
  });
});

describe('balanceNotes', () => {
  it.each([
    [{}, []],
    [{ spent_elsewhere: '0.00' }, []],
    [{ spent_elsewhere: '4.10', currency: 'USD' }, ['$4.10 was spent elsewhere in 30 days']],
    [{ floor: '1.00', refusing: true }, ['Refuses calls at $1.00']],
    [{ recharge: { below: '5.00', amount: '20.00' } }, ['Topped up by $20.00 when below $5.00']],
    [{ observed_at: '2026-11-20T17:30:00Z', is_stale: false }, []],
    [{ observed_at: '2026-11-11T17:30:00Z', is_stale: true }, ['Last looked at 10 days ago: enter what the provider shows now']],
  ] as [Partial<Balance>, string[]][])('%j', (parts, notes) => {
    expect(balanceNotes(balance(parts), NOW, BERLIN)).toEqual(notes);
  });
});
