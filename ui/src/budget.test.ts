import { describe, expect, it } from 'vitest';
import { barShares, formatOf, overallBudget, overBy, quoted, raiseCommand, scopeWords, stateLabel, windowWords } from './budget';
import { budget } from './fixtures/status';
import type { Budget } from './types';

const tokens = { unit: 'tokens', held: 0, remaining: 0, credits_remaining: 0 } as const;

describe('stateLabel', () => {
  it.each([
    [{ state: 'ok' }, 'On track'],
    [{ state: 'warned', used: '4.50' }, 'Getting close'],
    [{ state: 'warned', kind: 'soft', used: '5.01' }, 'Over its limit'],
    [{ state: 'waiting' }, 'Calls waiting'],
    [{ state: 'waiting', waiting: 3 }, '3 calls waiting'],
    [{ state: 'waiting', waiting: 1 }, '1 call waiting'],
    [{ state: 'blocked', used: '5.01' }, 'Refusing calls'],
    [{ state: 'paused' }, 'Paused'],
    [{ state: 'bypassed' }, 'Bypassed'],
  ] as [Partial<Budget>, string][])('%j', (parts, label) => {
    expect(stateLabel(budget(parts))).toBe(label);
  });
});

describe('barShares', () => {
  it.each([
    [{ used: '2.50', held: '1.00' }, 0.5, 0.2],
    [{ used: '4.50', held: '3.00' }, 0.9, 0.1],
    [{ used: '7.00', held: '1.00' }, 1, 0],
    [{ used: '-1.00', held: '0.00' }, 0, 0],
    [{ limit: '0.00', used: '0.01' }, 1, 0],
    [{ limit: '0.00', used: '0.00' }, 0, 0],
    [{ ...tokens, limit: 1000, used: 250 }, 0.25, 0],
  ] as [Partial<Budget>, number, number][])('%j', (parts, used, held) => {
    const shares = barShares(budget(parts));
    expect(shares.used).toBeCloseTo(used, 6);
    expect(shares.held).toBeCloseTo(held, 6);
  });
});

describe('overBy', () => {
  it.each([
    [{ used: '5.00' }, null],
    [{ used: '5.12' }, '$0.12'],
    [{ ...tokens, limit: 1000, used: 3500 }, '2,500 tokens'],
  ] as [Partial<Budget>, string | null][])('%j', (parts, over) => {
    expect(overBy(budget(parts))).toBe(over);
  });
});

describe('raiseCommand', () => {
  it.each([
    [{ limit: '5.00', used: '4.98' }, '2'],
    [{ limit: '0.02', used: '0.02' }, '0.01'],
    [{ limit: '80.00', used: '80.00' }, '50'],
    [{ limit: '5.00', used: '12.00', held: '0.50' }, '10'],
    [{ limit: '5.00', used: '15.00' }, '20'],
    [{ limit: '1.00', used: '1.00' }, '0.50'],
    [{ ...tokens, limit: 1_000_000, used: 1_000_000 }, '500000'],
    [{ ...tokens, unit: 'calls', limit: 1, used: 1 }, '1'],
  ] as [Partial<Budget>, string][])('%j', (parts, by) => {
    expect(raiseCommand(budget(parts))).toBe(`outlay budget raise day --by ${by}`);
  });
});

it.each([
  ['day', 'day'],
  ['team/a.b', 'team/a.b'],
  ['opus tokens', "'opus tokens'"],
  ["it's", "'it'\\''s'"],
  ['$(reboot)', "'$(reboot)'"],
])('quotes %s for a shell', (name, word) => {
  expect(quoted(name)).toBe(word);
});

describe('overallBudget', () => {
  const scoped = budget({ name: 'scoped', scope: { project: 'demo' }, percent: 99 });
  const month = budget({ name: 'month', window: 'month' });
  const soft = budget({ name: 'soft', kind: 'soft', percent: 70 });
  it.each([
    ['none', [], 'day', undefined],
    ['only a scoped one', [scoped], 'day', undefined],
    ['the fullest', [budget(), soft, scoped, month], 'day', 'soft'],
    ['by its window', [budget(), month], 'month', 'month'],
    ['not one of tokens', [budget({ ...tokens, limit: 5, used: 1 })], 'day', undefined],
  ] as [string, Budget[], 'day' | 'month', string | undefined][])('%s', (_name, budgets, window, expected) => {
    expect(overallBudget(budgets, window)?.name).toBe(expected);
  });
});

describe('words', () => {
  it.each([
    ['day', 'per day'],
    ['call', 'per call'],
    ['total', 'in total'],
    ['5h', 'in any 5 hours'],
    ['1h', 'in any 1 hour'],
    ['30d', 'in any 30 days'],
  ])('window %s', (window, words) => {
    expect(windowWords(window)).toBe(words);
  });

  it.each([
    [{}, 'all calls'],
    [{ project: 'demo', model: 'gpt-*' }, 'project demo, model gpt-*'],
  ])('scope %j', (scope, words) => {
    expect(scopeWords(scope as Record<string, string>)).toBe(words);
  });

  it('does not show a limit as reached before it is', () => {
    expect(formatOf('4.9996', '5.00', 'USD')).toBe('$4.9996');
    expect(formatOf(1200, 5000, 'calls')).toBe('1,200');
  });
});
