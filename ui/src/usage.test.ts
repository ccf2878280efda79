import { describe, expect, it } from 'vitest';
import { usage, usageByDay, usageByModel, usageRow } from './fixtures/usage';
import * as money from './money';
import { daysUntil } from './time';
import { byDay, byModel, largest, shareOf, totalOf, withRest } from './usage';

describe('byDay', () => {
  const entries = byDay(usageByDay(), daysUntil('2026-11-21', 30));

  it('has every day, oldest first, and none of them unknown', () => {
    expect(entries.map((entry) => entry.key)).toEqual(daysUntil('2026-11-21', 30));
    expect(entries.every((entry) => entry.cost !== null)).toBe(true);
  });

  it('takes a day without calls as nothing spent', () => {
    expect(entries[5]).toMatchObject({ key: '2026-10-28', calls: 0, cost: 0n });
  });

  it('adds up to the total exactly', () => {
    const sum = entries.reduce((total, entry) => total + (entry.cost ?? 0n), 0n);
    expect(sum).toBe(totalOf(usageByDay()).cost);
    expect(money.toText(sum)).toBe('60.228286');
  });

  it('keeps an unknown cost unknown', () => {
    const [entry] = byDay(usage([usageRow('2026-11-21', 3, null)], 'day'), ['2026-11-21']);
    expect(entry).toMatchObject({ calls: 3, cost: null });
  });
});

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
