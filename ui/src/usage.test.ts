import { describe, expect, it } from 'vitest';
import { usage, usageByModel, usageRow } from './fixtures/usage';
import * as money from './money';
import { byModel, costOf, largest, shareOf, unpricedOf, unpricedWords, withRest } from './usage';

describe('byModel', () => {
  it('lists the dearest first, free ones after them, unknown ones last', () => {
    const rows = [usageRow('free', 9, '0.00'), usageRow('house', 2, null), usageRow('dear', 1, '2.00'), usageRow(null, 1, '0.50')];
    expect(byModel(usage(rows, 'model')).map((entry) => entry.key)).toEqual(['dear', 'no model', 'free', 'house']);
  });

  it('gathers the long tail', () => {
    const shown = withRest(byModel(usageByModel()), 7);
    expect(shown).toHaveLength(8);
    expect(shown[7]).toMatchObject({ key: '2 others', calls: 126, cost: money.parse('0.0048') });
  });

  it('leaves a single one more as it is', () => {
    expect(withRest(byModel(usageByModel()).slice(0, 8), 7).map((entry) => entry.key)).not.toContain('1 others');
  });

  it('finds the largest', () => {
    expect(money.toText(largest(byModel(usageByModel())))).toBe('18.402104');
  });
});

it.each([
  ['0.45', '1.00', '45%'],
  ['0.004', '1.00', '<1%'],
  ['0.00', '1.00', '0%'],
  ['0.00', '0.00', null],
])('%s of %s', (cost, total, share) => {
  const [entry] = byModel(usage([usageRow('m', 1, cost)], 'model'));
  expect(shareOf(entry!, money.parse(total))).toBe(share);
});

describe('an unknown cost', () => {
  it.each([
    [{ calls: 3, cost_usd: '1.20', unpriced_calls: 0 }, '1.20', 0],
    [{ calls: 3, cost_usd: '1.20', unpriced_calls: 1 }, '1.20', 1],
    [{ calls: 2, cost_usd: '0.00', unpriced_calls: 2 }, null, 2],
    [{ calls: 2, cost_usd: '0.00', unpriced_calls: 0 }, '0.00', 0],
    [{ calls: 2, cost_usd: '0.00', unpriced_calls: 1 }, '0.00', 1],
    [{ calls: 0, cost_usd: '0.00', unpriced_calls: 0 }, '0.00', 0],
  ])('%j', (spend, cost, unpriced) => {
    const known = costOf(spend);
    expect(known === null ? null : money.toText(known)).toBe(cost);
    expect(unpricedOf(spend)).toBe(unpriced);
  });

  it.each([
    [0, null],
    [1, '1 call without a price'],
    [1200, '1,200 calls without a price'],
  ])('%d calls', (unpriced, words) => expect(unpricedWords(unpriced)).toBe(words));
});
