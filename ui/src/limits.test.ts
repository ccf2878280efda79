import { describe, expect, it } from 'vitest';
import { budget } from './fixtures/status';
import { limitsWords, replacedWords } from './plans';
import { rehearsalWords } from './rehearsal';
import type { Budget, Plan, Rehearsal } from './types';

const UTC = { locale: 'en-GB', timeZone: 'UTC' };

function rehearsal(parts: Partial<Rehearsal> = {}): Rehearsal {
  return {
    since: '2026-10-22T00:00:00Z',
    until: '2026-11-21T00:00:00Z',
    calls: 412,
    refused_calls: 3,
    refused_usd: '1.20',
    periods: 28,
    periods_hit: 2,
    first_refused: [{ id: 'a', time: '2026-11-14T10:00:00Z', model: 'gpt-5.1', cost_usd: null }],
    ...parts,
  };
}

describe('a rehearsal in words', () => {
  it.each<[Partial<Rehearsal>, 'hard' | 'soft', string, string]>([
    [{}, 'hard', 'day', 'This limit would have refused 3 of 412 calls ($1.20), on 2 of 28 days, first on Sat 14 Nov: gpt-5.1.'],
    [{}, 'hard', 'week', 'This limit would have refused 3 of 412 calls ($1.20), in 2 of 28 weeks, first on Sat 14 Nov: gpt-5.1.'],
    [{ first_refused: [] }, 'hard', '5h', 'This limit would have refused 3 of 412 calls ($1.20).'],
    [{}, 'soft', 'total', 'It only warns; a hard limit of this size would have refused 3 of 412 calls ($1.20), first on Sat 14 Nov: gpt-5.1.'],
    [{ refused_calls: 0 }, 'hard', 'day', 'This limit would have refused nothing: 412 calls of the last 30 days fit.'],
    [{ refused_calls: 0, calls: 1 }, 'soft', 'day', 'This limit would not have been reached: 1 call of the last 30 days fits.'],
    [{ calls: 0, refused_calls: 0 }, 'hard', 'day', 'No call of the last 30 days would have counted here.'],
  ])('%j, %s, %s', (parts, kind, window, expected) => {
    expect(rehearsalWords(rehearsal(parts), kind, window, UTC)).toEqual({ refuses: (parts.refused_calls ?? 3) > 0, text: expected });
  });
});

describe('a plan in words', () => {
  const plan = (parts: Partial<Plan> = {}): Plan => ({ name: 'solo', day: '5.00', week: null, month: '100.00', total: null, ...parts });

  it.each<[Partial<Plan>, string]>([
    [{}, '$5 a day, $100 a month'],
    [{ day: '0.50', month: null, total: '2.00' }, '$0.50 a day, $2 in total'],
    [{ day: null, month: null }, 'No limits'],
  ])('%j sets %s', (parts, expected) => expect(limitsWords(plan(parts))).toBe(expected));

  const month = budget({ name: 'month', window: 'month', limit: '20.00' });
  it.each<[string, Partial<Plan>, Plan | null, Budget[], string[]]>([
    ['nothing where there is nothing', {}, null, [], []],
    ['nothing where it is as it is', {}, null, [budget()], []],
    ['a limit', { day: '25.00' }, null, [budget()], ['Changes day from $5.00 to $25.00']],
    ['a soft one', {}, null, [budget({ kind: 'soft' })], ['Makes day refuse calls at $5.00']],
    ['a soft one of another size', { day: '7.00' }, null, [budget({ kind: 'soft' })], ['Changes day from $5.00 to $7.00, and makes it refuse calls']],
    ['one that the earlier plan made', { month: null }, plan(), [month], ['Takes away month ($20.00), where plan solo made it']],
    ['not one of the user\'s own', { month: null }, plan({ month: null }), [month], []],
  ])('replaces %s', (_name, parts, inUse, budgets, expected) => {
    expect(replacedWords(plan(parts), inUse, budgets)).toEqual(expected);
  });
});
