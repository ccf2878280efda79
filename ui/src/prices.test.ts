import { describe, expect, it } from 'vitest';
import { cellOf, originWords, priceChangeOf, priceFormOf, priceProblems, rateLines, type PriceForm } from './prices';
import type { Price, Rate } from './types';

const price = (rates: Rate[], parts: Partial<Price> = {}): Price => ({ id: 'a', provider: 'openai', model: 'm', origin: 'list', rates, ...parts });
const form = (parts: Partial<PriceForm> = {}): PriceForm => ({ provider: '', model: 'm', input: '0.25', output: '2', cacheRead: '', cacheWrite: '', ...parts });

describe('a price in the table', () => {
  it.each<[Rate, string]>([
    [{ unit: 'input', usd: '0.25', per: 1_000_000, tiers: [] }, '$0.25'],
    [{ unit: 'input', usd: '4.125', per: 1_000_000, tiers: [] }, '$4.125'],
    [{ unit: 'input', usd: '0.0005', per: 1_000, tiers: [] }, '$0.50'],
    [{ unit: 'input', usd: '0.00', per: 1_000_000, tiers: [] }, '$0.00'],
  ])('%j is %s', (rate, expected) => expect(cellOf(price([rate]), 'input')).toBe(expected));

  it('is nothing where a unit is not charged by itself', () => expect(cellOf(price([]), 'cache_read')).toBeNull());
});

it.each<[Rate, string, string, string[]]>([
  [{ unit: 'cache_write_1h', usd: '6.00', per: 1_000_000, tiers: [] }, 'Written to a cache for an hour', '$6.00 per million tokens', []],
  [{ unit: 'input', usd: '3.00', per: 1_000_000, tiers: [{ above: 200_000, usd: '6.00', per: 1_000_000 }] }, 'Input', '$3.00 per million tokens', ['$6.00 per million tokens for prompts of more than 200,000 tokens']],
  [{ unit: 'web_searches', usd: '10.00', per: 1_000, tiers: [] }, 'Web searches', '$10.00 per 1,000', []],
  [{ unit: 'audio_hours', usd: '0.36', per: 3_600_000, tiers: [] }, 'Audio hours', '$0.36 per hour', []],
  [{ unit: 'requests', usd: '0.01', per: 1 } as Rate, 'Requests', '$0.01 each', []],
])('%j in words', (rate, name, words, tiers) => expect(rateLines(price([rate]))).toEqual([{ name, price: words, tiers }]));

it.each([['user', 'Your own'], ['override', 'Correction'], ['list', 'List']] as const)('%s is %s', (origin, label) => {
  expect(originWords(origin, 'list 1').label).toBe(label);
});

describe('a price that is typed', () => {
  it('begins with what it costs', () => {
    const now = price([{ unit: 'input', usd: '0.25', per: 1_000_000, tiers: [] }, { unit: 'output', usd: '2.00', per: 1_000_000, tiers: [] }]);
    expect(priceFormOf('openai', 'm', now)).toEqual(form({ provider: 'openai' }));
    expect(priceFormOf('', '', null).input).toBe('');
  });

  it.each<[Partial<PriceForm>, string[], object | null]>([
    [{}, [], { input: '0.25', output: '2' }],
    [{ cacheRead: '0.025', cacheWrite: '$1' }, [], { input: '0.25', output: '2', cache_read: '0.025', cache_write: '1' }],
    [{ model: ' ', input: '' }, ['model', 'input'], null],
    [{ output: '2,5' }, ['output'], null],
    [{ cacheRead: 'x' }, ['cacheRead'], { input: '0.25', output: '2' }],
  ])('%j', (parts, wrong, change) => {
    expect(Object.keys(priceProblems(form(parts)))).toEqual(wrong);
    expect(priceChangeOf(form(parts))).toEqual(change);
  });
});
