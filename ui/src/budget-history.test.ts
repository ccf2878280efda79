import { expect, it } from 'vitest';
import { historyLines } from './budget-history';
import type { BudgetEvent } from './types';

const NOW = Date.parse('2026-11-21T17:30:00Z');
const UTC = { locale: 'en-GB', timeZone: 'UTC' };
const whole = { kind: 'hard', unit: 'USD', limit: '5.00', window: 'day', anchor: 0, timezone: 'UTC', warn: [80, 95], scope: {}, allow_unpriced: false, may_cap: true };
const event = (action: string, detail: BudgetEvent['detail'], actor = 'cli'): BudgetEvent => ({ at: '2026-11-21T09:00:00Z', actor, action, detail });

it.each<[string, BudgetEvent[], string]>([
  ['made', [event('created', whole)], 'Made: $5.00 per day, hard, all calls, warns at 80% and 95%'],
  ['made by a plan', [event('created', { ...whole, plan: 'solo', warn: [] })], 'Made by plan solo: $5.00 per day, hard, all calls, warns of nothing'],
  [
    'made with options',
    [event('created', { ...whole, window: '5h', unit: 'tokens', limit: 2000, kind: 'soft', scope: { model: 'gpt-*' }, allow_unpriced: true, may_cap: false })],
    'Made: 2,000 tokens in any 5 hours, soft, model gpt-*, warns at 80% and 95%, lets models without a price pass, never shortens answers',
  ],
  ['a limit changed', [event('created', whole), event('changed', { ...whole, limit: '7.50' })], 'Changed: limit from $5.00 to $7.50'],
  [
    'much changed',
    [event('created', whole), event('changed', { ...whole, window: 'week', anchor: 6, kind: 'soft', scope: { project: 'a' }, warn: [70], timezone: 'Asia/Tokyo' })],
    'Changed: counted per week, weeks begin on Sunday, days in Asia/Tokyo, only warns, counts project a, warns at 70%',
  ],
  ['a later day', [event('created', whole), event('changed', { ...whole, anchor: 245 })], 'Changed: days begin at 04:05'],
  ['options changed', [event('created', whole), event('changed', { ...whole, allow_unpriced: true, may_cap: false })], 'Changed: models without a price pass, never shortens answers'],
  ['nothing changed', [event('created', whole), event('changed', whole)], 'Changed: nothing that differs'],
  ['raised', [event('raised', { by: '2.00', until: '2026-11-22T00:00:00Z' })], 'Raised by $2.00 until tomorrow 00:00'],
  ['raised for good', [event('raised', { by: '2.00', until: null })], 'Raised by $2.00'],
  ['lowered', [event('lowered', { by: '2.00' })], 'Raises of $2.00 taken back'],
  ['topped up', [event('topped_up', { by: '1.00' })], 'Topped up by $1.00'],
  ['reserve emptied', [event('reserve_emptied', { by: '1.00' })], 'Reserve of $1.00 taken back'],
  ['paused', [event('paused', { until: null })], 'Paused until resumed'],
  ['paused for a while', [event('paused', { until: '2026-11-21T18:00:00Z' })], 'Paused until 18:00'],
  ['resumed', [event('resumed', {})], 'Resumed'],
  ['let through', [event('bypassed', { until: '2026-11-21T18:00:00Z', why: 'the release' })], 'Everything let through until 18:00, for: the release'],
  ['refusing again', [event('bypass_ended', {})], 'Limits refuse again'],
  ['deleted', [event('removed', null)], 'Deleted'],
  ['something new', [event('moved_on', {})], 'moved on'],
])('%s', (_name, events, expected) => {
  expect(historyLines(events, 'USD', NOW, UTC)[0]?.what).toBe(expected);
});

it('tells by whom, newest first', () => {
  const lines = historyLines([event('created', whole), event('resumed', {}, 'desktop'), event('resumed', {}, 'outlay'), event('resumed', {}, 'api')], 'USD', NOW, UTC);
  expect(lines.map((line) => line.who)).toEqual(['in the dashboard', 'by Outlay', 'in the desktop app', 'in a terminal']);
});
