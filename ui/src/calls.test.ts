import { describe, expect, it } from 'vitest';
import { formatTokens, modelOf, promptTokens, reasonOf, tagsOf } from './calls';
import { call, estimatedCall, failedCall, refusedCall, runningCall, unpricedCall } from './fixtures/calls';
import type { Call } from './types';

describe('reasonOf', () => {
  it.each([
    [call(), null],
    [runningCall, null],
    [refusedCall, 'Over budget'],
    [{ ...refusedCall, repeats: 4311 }, 'Over budget, 4,312 times'],
    [{ ...refusedCall, refusal: 'budget_busy' }, 'Budget held by running calls'],
    [{ ...refusedCall, refusal: 'house_rule' }, 'House rule'],
    [failedCall, 'Provider rate limit (429)'],
    [{ ...failedCall, error_kind: null, http_status: null }, 'Nothing was billed'],
    [estimatedCall, 'Usage not from the provider'],
    [unpricedCall, 'Model has no price'],
    [call({ limit_action: 'capped' }), 'Output shortened to fit the budget'],
  ] as [Call, string | null][])('%#', (each, reason) => {
    expect(reasonOf(each)).toBe(reason);
  });
});

describe('unknown is not zero', () => {
  it.each([
    [refusedCall, null],
    [call({ input_tokens: 0, cache_read_tokens: null, cache_write_5m_tokens: null, cache_write_1h_tokens: null }), 0],
    [call({ input_tokens: 10, cache_read_tokens: 5, cache_write_5m_tokens: 3, cache_write_1h_tokens: 2 }), 20],
  ] as [Call, number | null][])('%#', (each, tokens) => {
    expect(promptTokens(each)).toBe(tokens);
  });

  it.each([
    [null, '—'],
    [0, '0'],
    [9_999, '9,999'],
    [12_400, '12.4k'],
    [999_949, '999.9k'],
    [999_950, '1.0M'],
  ])('%j tokens', (count, shown) => {
    expect(formatTokens(count)).toBe(shown);
  });
});

it('falls back to the model asked for', () => {
  expect(modelOf(refusedCall)).toBe('claude-sonnet-4-5');
  expect(modelOf({ ...refusedCall, model_requested: null })).toBeNull();
});

it.each([
  [null, []],
  ['', []],
  ['a=1;b=2', ['a=1', 'b=2']],
])('tags %j', (tags, list) => {
  expect(tagsOf(call({ tags }))).toEqual(list);
});
