import { describe, expect, it } from 'vitest';
import { logs, noService, suggestion, tool, tools } from './fixtures/tools';
import { amountOf, currentStep, stateOf, suggestionWords, type Facts, type Step, type StepState } from './start';

const first: Facts = { logs, budgets: 0, tools, service: noService };
const imported = { sources: logs.sources.map((each) => ({ ...each, imported_until: '2026-11-21T17:00:00Z' })) };
const done: Facts = {
  logs: imported,
  budgets: 2,
  tools: tools.map((each) => ({ ...each, connected: true })),
  service: { ...noService, installed: true, running: true },
};

describe('a step', () => {
  it.each<[Step, Facts, StepState]>([
    ['logs', first, 'todo'],
    ['logs', done, 'done'],
    ['logs', { ...first, logs: { sources: [] } }, 'none'],
    ['logs', { ...first, logs: null }, 'unknown'],
    ['limits', first, 'todo'],
    ['limits', done, 'done'],
    ['tools', first, 'todo'],
    ['tools', done, 'done'],
    ['tools', { ...first, tools: [tool({ found: false })] }, 'none'],
    ['service', first, 'todo'],
    ['service', done, 'done'],
    ['service', { ...first, service: { ...noService, supported: false } }, 'none'],
    ['service', { ...first, service: { ...noService, installed: true } }, 'todo'],
  ])('%s', (step, facts, expected) => expect(stateOf(step, facts)).toBe(expected));
});

describe('the guide', () => {
  it('goes on where it was left', () => {
    expect(currentStep(first, [])).toBe('logs');
    expect(currentStep(first, ['logs'])).toBe('limits');
    expect(currentStep({ ...first, logs: imported, budgets: 1 }, [])).toBe('tools');
    expect(currentStep(done, [])).toBeNull();
    expect(currentStep(first, ['logs', 'limits', 'tools', 'service'])).toBeNull();
  });

  it('says where a suggestion comes from', () => {
    const dollars = (usd: string) => `$${usd}`;
    expect(suggestionWords(suggestion, dollars)).toBe('On nine in ten of the last 30 days you stayed under $4.00; 30 days came to $48.2113.');
    expect(suggestionWords({ ...suggestion, days: 2, day_usd: null, month_usd: null }, dollars)).toMatch(/too few days/);
    expect(suggestionWords({ ...suggestion, day_usd: null }, dollars)).toMatch(/Nothing was owed/);
  });

  it.each([
    ['4', '4'],
    [' $2.50 ', '2.50'],
    ['0', null],
    ['', null],
    ['five', null],
    ['1e3', null],
  ])('takes %s for an amount', (typed, expected) => expect(amountOf(typed)).toBe(expected));
});
