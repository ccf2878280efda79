import { expect, it } from 'vitest';
import { nextPollMs } from './poll';

it.each([
  ['just changed', { visible: true, sinceChangeMs: 0, failures: 0 }, 1_000],
  ['long unchanged', { visible: true, sinceChangeMs: 60_000, failures: 0 }, 2_000],
  ['hidden', { visible: false, sinceChangeMs: 0, failures: 0 }, 15_000],
  ['failed once', { visible: true, sinceChangeMs: 0, failures: 1 }, 2_000],
  ['failed often', { visible: true, sinceChangeMs: 0, failures: 5_000 }, 10_000],
])('%s', (_name, situation, ms) => {
  expect(nextPollMs(situation)).toBe(ms);
});
