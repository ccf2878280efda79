import { describe, expect, it } from 'vitest';
import { amountOf, billingPage, driftWords, floorOf, floorTyped, rechargeOf, rechargeTyped, warnOf, warnTyped } from './balance-form';
import { balance, UNKNOWN } from './fixtures/status';
import { runwayOf } from './runway';
import type { Balance, Forecast } from './types';

describe('what is typed', () => {
  it.each([
    ['12.40', '12.40'],
    [' $ 12 ', '12'],
    ['1,234.50', '1234.50'],
    ['12,40', null],
    ['-1', null],
    ['', null],
    ['twelve', null],
  ])('amount %j is %j', (text, expected) => expect(amountOf(text).value).toBe(expected));

  it.each([
    ['5', '5'],
    ['20%', '20%'],
    ['20 %', '20%'],
    ['0%', null],
    ['120%', null],
    ['12h', '12h'],
    ['2D', '2d'],
    ['off', ''],
    ['', ''],
    ['none', ''],
    ['soon', null],
  ])('warn level %j is %j', (text, expected) => expect(warnOf(text).value).toBe(expected));

  it.each([['1', '1'], ['Off', ''], ['10%', null]])('floor %j is %j', (text, expected) => expect(floorOf(text).value).toBe(expected));

  it.each([
    ['20 when below 5', { amount: '20', below: '5' }],
    ['$20 if under $5.50', { amount: '20', below: '5.50' }],
    ['20 below 5', { amount: '20', below: '5' }],
    ['off', 'off'],
    ['', 'off'],
    ['20', null],
    ['below 5', null],
    ['20 when below soon', null],
    ['20 when below 5 below 1', null],
  ])('top-up %j is %j', (text, expected) => expect(rechargeOf(text).value).toEqual(expected));

  it('shows a top-up as it is typed', () => {
    expect(rechargeTyped(balance({}))).toBe('off');
    const typed = rechargeTyped(balance({ recharge: { below: '5.00', amount: '20.00' } }));
    expect([typed, rechargeOf(typed).value]).toEqual(['20 when below 5', { amount: '20', below: '5' }]);
  });

  it.each<[Partial<Balance>, string, string]>([
    [{}, '5', 'off'],
    [{ warn_below: '1.20', warn_percent: 20, floor: '1.50' }, '20%', '1.50'],
    [{ warn_below: null }, '24h', 'off'],
    [{ warn_below: null, warn_hours: 48 }, '48h', 'off'],
    [{ warn_below: null, warn_hours: 0 }, 'off', 'off'],
  ])('levels of %j are typed %s and %s', (parts, warn, floor) => {
    expect([warnTyped(balance(parts)), floorTyped(balance(parts))]).toEqual([warn, floor]);
  });
});

it.each([
  ['openai', 'https://platform.openai.com/settings/organization/billing'],
  ['OpenAI-work', 'https://platform.openai.com/settings/organization/billing'],
  ['work', null],
  ['', null],
])('the page of %j is %j', (account, expected) => expect(billingPage(account)).toBe(expected));

it.each([
  ['31.402', '30.202', 'Saved. That is $1.20 less than was counted here: it was spent elsewhere.'],
  ['31.402', '51.402', 'Saved. That is $20.00 more than was counted here.'],
  ['31.40', '31.4', 'Saved. It is what was counted here.'],
])('from %s to %s', (counted, observed, expected) => expect(driftWords(counted, observed, 'USD')).toBe(expected));

describe('the runway', () => {
  const now = Date.parse('2026-11-01T00:00:00Z');
  const at = (outlook: Forecast['outlook'], earliest: string | null, latest: string | null): Forecast => ({ outlook, earliest, likely: null, latest });
  it.each<[string, Forecast, ReturnType<typeof runwayOf>]>([
    ['unknown', UNKNOWN, null],
    ['gone', at('gone', null, null), { from: 0, to: 0 }],
    ['long', at('lasts', null, null), { from: 1, to: 1 }],
    ['a range', at('expected', '2026-11-16T00:00:00Z', '2026-12-01T00:00:00Z'), { from: 0.25, to: 0.5 }],
    ['perhaps', at('possible', '2026-12-01T00:00:00Z', null), { from: 0.5, to: 1 }],
    ['past', at('expected', '2026-10-16T00:00:00Z', '2027-12-01T00:00:00Z'), { from: 0, to: 1 }],
  ])('%s', (_name, forecast, expected) => expect(runwayOf(balance({ forecast }), now)).toEqual(expected));
});
