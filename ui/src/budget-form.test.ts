import { describe, expect, it } from 'vitest';
import { changeOf, differenceOf, emptyForm, formOf, problemsOf, type BudgetForm } from './budget-form';
import { budget } from './fixtures/status';
import type { BudgetEvent } from './types';

const form = (parts: Partial<BudgetForm> = {}): BudgetForm => ({ ...emptyForm(), name: 'day', limit: '5', ...parts });
const event = (detail: BudgetEvent['detail']): BudgetEvent => ({ at: '2026-11-20T09:00:00Z', actor: 'cli', action: 'created', detail });

describe('what is wrong with a budget', () => {
  it.each<[Partial<BudgetForm>, Record<string, RegExp>]>([
    [{}, {}],
    [{ name: ' ' }, { name: /name/ }],
    [{ name: 'month' }, { name: /named month already/ }],
    [{ limit: '' }, { limit: /how much/ }],
    [{ limit: '$ 2.50' }, {}],
    [{ limit: '2,50' }, { limit: /dollars/ }],
    [{ limit: '-1' }, { limit: /dollars/ }],
    [{ limit: '2,000,000', unit: 'tokens' }, {}],
    [{ limit: '1.5', unit: 'calls' }, { limit: /whole number of calls/ }],
    [{ resetAt: '' }, { resetAt: /04:00/ }],
    [{ resetAt: '24:00' }, { resetAt: /04:00/ }],
    [{ window: 'week', resetAt: '' }, {}],
    [{ window: 'month', anchorDay: '32' }, { anchorDay: /1 to 31/ }],
    [{ window: 'rolling', rollingCount: '0' }, { rolling: /from 1/ }],
    [{ window: 'rolling', rollingCount: '3651', rollingUnit: 'd' }, { rolling: /ten years/ }],
    [{ window: 'rolling', rollingCount: '30', rollingUnit: 'd' }, {}],
    [{ warn: '' }, {}],
    [{ warn: '80%, 95 %' }, {}],
    [{ warn: 'often' }, { warn: /percentages/ }],
    [{ warn: '80% 95%' }, {}],
    [{ warn: '101' }, { warn: /1 to 100/ }],
    [{ scope: [{ dimension: 'project', value: ' ' }] }, { 'scope-0': /which project/ }],
    [{ scope: [{ dimension: 'tag', value: 'team' }] }, { 'scope-0': /team=search/ }],
    [{ scope: [{ dimension: 'key', value: 'a' }, { dimension: 'key', value: 'b' }] }, { 'scope-1': /key already/ }],
  ])('%j', (parts, expected) => {
    const problems = problemsOf(form(parts), ['month']);
    expect(Object.keys(problems)).toEqual(Object.keys(expected));
    for (const [field, words] of Object.entries(expected)) expect(problems[field as keyof typeof problems]).toMatch(words);
  });
});

describe('a change', () => {
  it.each<[Partial<BudgetForm>, object]>([
    [{}, { limit: '5', unit: 'USD', window: 'day', reset_at: '00:00', warn: [80, 95] }],
    [{ window: 'week' }, { window: 'week', week_start: 'monday' }],
    [{ window: 'month', anchorDay: '15' }, { window: 'month', anchor_day: 15 }],
    [{ window: 'rolling', rollingCount: '5' }, { window: '5h' }],
    [{ limit: '2 000', unit: 'tokens', warn: '95, 80, 80' }, { limit: '2000', warn: [80, 95] }],
    [{ scope: [{ dimension: 'model', value: ' claude-* ' }] }, { scope: { model: 'claude-*' } }],
    [{ noCap: true, allowUnpriced: true, kind: 'soft' }, { no_cap: true, allow_unpriced: true, kind: 'soft' }],
  ])('of %j', (parts, expected) => expect(changeOf(form(parts))).toMatchObject(expected));

  it('of a rolling window or one without a reset names no beginning', () => {
    for (const window of ['rolling', 'total', 'call'] as const) {
      expect(Object.keys(changeOf(form({ window })))).not.toEqual(expect.arrayContaining(['reset_at']));
    }
  });

  it.each<[Partial<BudgetForm>, Partial<BudgetForm>, object]>([
    [{}, {}, {}],
    [{}, { limit: '7' }, { limit: '7' }],
    [{}, { resetAt: '04:00' }, { reset_at: '04:00' }],
    [{}, { unit: 'calls' }, { unit: 'calls', limit: '5' }],
    [{ window: 'month' }, { window: 'day' }, { window: 'day', reset_at: '00:00' }],
    [{ scope: [{ dimension: 'key', value: 'a' }] }, { scope: [] }, { scope: {} }],
    [{}, { warn: '' }, { warn: [] }],
  ])('from %j to %j says only %j', (before, after, expected) => {
    expect(differenceOf(form(after), form(before))).toEqual(expected);
  });
});

describe('a budget in the form', () => {
  it('keeps what it was made with', () => {
    const made = event({ window: 'day', anchor: 240, allow_unpriced: true, may_cap: false });
    expect(formOf(budget(), [made])).toMatchObject({ name: 'day', limit: '5', window: 'day', resetAt: '04:00', allowUnpriced: true, noCap: true, warn: '80, 95' });
    expect(formOf(budget({ window: 'week' }), [event({ anchor: 6 })]).weekStart).toBe('sunday');
    expect(formOf(budget({ window: 'month' }), [event({ anchor: 15 })]).anchorDay).toBe('15');
    expect(formOf(budget({ window: '90m', scope: { model: 'gpt-*' } }), [])).toMatchObject({ window: 'rolling', rollingCount: '90', rollingUnit: 'm', scope: [{ dimension: 'model', value: 'gpt-*' }] });
  });
});
