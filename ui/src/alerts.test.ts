import { describe, expect, it } from 'vitest';
import {
  ALERTS_MAX, bellNumber, bellWords, bodyWords, filtered, idsOfAll, isOpen, missed, raisedWords, raiseLabel, timesWords, wayLines,
} from './alerts';
import { alert, alerts, delivery, missedAlert } from './fixtures/alerts';
import { budget } from './fixtures/status';
import type { Alert, Budget, Delivery, Raise } from './types';

const NOW = Date.parse('2026-11-21T17:30:00Z');
const BERLIN = { locale: 'en-GB', timeZone: 'Europe/Berlin' };

describe('isOpen', () => {
  it.each([
    [{ severity: 'critical' }, true],
    [{ severity: 'warning' }, true],
    [{ severity: 'info' }, false],
    [{ severity: 'critical', acknowledged_at: '2026-11-21T17:00:00Z' }, false],
  ] as [Partial<Alert>, boolean][])('%j', (parts, open) => {
    expect(isOpen(alert(parts))).toBe(open);
  });
});

describe('the bell', () => {
  it.each([
    [0, '', 'No alerts to look at'],
    [1, '1', '1 alert to look at'],
    [3, '3', '3 alerts to look at'],
    [99, '99', '99 alerts to look at'],
    [100, '99+', 'More than 99 alerts to look at'],
    [ALERTS_MAX, '99+', 'More than 99 alerts to look at'],
  ])('with %i', (open, number, words) => {
    expect([bellNumber(open), bellWords(open)]).toEqual([number, words]);
  });
});

describe('which are shown', () => {
  const given = [...alerts, alert({ id: '5', time: '2026-11-21T17:20:00Z' })].reverse();
  it.each([
    ['open', ['2', '5', '1']],
    ['all', ['5', '2', '1', '3', '4']],
  ] as const)('%s', (filter, ids) => {
    expect(filtered(given, filter).map((each) => each.id)).toEqual(ids);
  });
});

describe('marking all', () => {
  it('names those that are shown, also those that wait for nobody', () => {
    expect(idsOfAll(alerts)).toEqual(['2', '1', '3']);
  });

  it('means every one where there are more than were asked for', () => {
    expect(idsOfAll(Array.from({ length: ALERTS_MAX }, (_, index) => alert({ id: String(index) })))).toBeNull();
  });
});

it.each([
  [1, null],
  [12, '12 times'],
  [10_000, '10,000 times'],
])('%i occurrences', (occurrences, words) => {
  expect(timesWords(occurrences)).toBe(words);
});

it.each([
  ['$4.01 of $5.00 spent. Resets 2026-11-22T00:00:00+01:00.', '$4.01 of $5.00 spent. Resets tomorrow 00:00.'],
  ['Held since 2026-11-21T16:40:12.5Z.', 'Held since 17:40.'],
  ['Credit of 2026-11-30 is lost.', 'Credit of 2026-11-30 is lost.'],
])('%s', (body, words) => {
  expect(bodyWords(body, NOW, BERLIN)).toBe(words);
});

describe('how it was told', () => {
  const failed = { delivered_at: null, attempts: 1, error: 'no answer' };
  it.each([
    [{}, 'arrived', 'Shown on the desktop at 17:40'],
    [{ channel: 'command' }, 'arrived', 'Given to your command at 17:40'],
    [{ channel: 'webhook hooks.example.com' }, 'arrived', 'Sent to hooks.example.com at 17:40'],
    // It arrived, and telling the number again did not.
    [{ error: 'no answer' }, 'arrived', 'Shown on the desktop at 17:40'],
    [failed, 'failed', 'Desktop failed: no answer'],
    [{ ...failed, attempts: 5 }, 'failed', 'Desktop failed after 5 tries: no answer'],
    [{ ...failed, channel: 'webhook hooks.example.com', next_try_at: '2026-11-21T17:42:00Z' }, 'failed', 'Webhook hooks.example.com failed, tried again at 18:42 (in 12 min): no answer'],
    [{ ...failed, next_try_at: '2026-11-21T17:29:59Z' }, 'failed', 'Desktop failed, tried again now: no answer'],
    [{ delivered_at: null, attempts: 0, next_try_at: '2026-11-22T06:00:00Z' }, 'pending', 'Desktop: tried at tomorrow 07:00 (in 12 h 30 min)'],
    [{ delivered_at: null, attempts: 0, next_try_at: '2026-11-21T17:29:59Z' }, 'pending', 'Desktop: under way'],
    [{ delivered_at: null, attempts: 0 }, 'pending', 'Desktop: not tried yet'],
  ] as [Partial<Delivery>, string, string][])('%j', (parts, outcome, text) => {
    expect(wayLines(alert({ deliveries: [delivery(parts)] }), NOW, BERLIN)).toEqual([{ outcome, text }]);
  });

  it.each([
    ['notifications are turned off', 'failed', 'Shown only here: notifications are turned off'],
    [null, 'pending', 'Not sent yet'],
  ] as [string | null, string, string][])('on no way: %s', (error, outcome, text) => {
    expect(wayLines(alert({ deliveries: [], delivered_at: null, error }), NOW, BERLIN)).toEqual([{ outcome, text }]);
  });
});

describe('what reached nobody', () => {
  const lost = { delivered_at: null, error: 'all failed' };
  const webhook = delivery({ channel: 'webhook a.example', delivered_at: null, error: 'no answer' });
  it.each([
    ['nothing', [], null],
    ['it arrived', [alert()], null],
    ['it is under way', [alert({ delivered_at: null, deliveries: [] })], null],
    ['only good to know', [alert({ ...lost, severity: 'info' })], null],
    ['seen', [{ ...missedAlert, acknowledged_at: '2026-11-21T17:10:00Z' }], null],
    ['desktop alone', [missedAlert], { lead: 'Your desktop did not show this:', titles: ["Calls are refused by budget 'day' (12 times)"], more: 0, why: 'No notification service is running.', ids: ['2'] }],
    ['several ways', [alert({ ...lost, deliveries: [delivery(), webhook] })], { lead: 'You were not told of this:', why: 'All failed.' }],
    ['one way is still tried', [alert({ delivered_at: null, deliveries: [delivery({ delivered_at: null, attempts: 0, next_try_at: '2026-11-21T17:31:00Z' }), webhook] })], { why: 'No answer.' }],
    ['no way is set', [alert({ ...lost, deliveries: [] })], { lead: 'Nothing but this page shows this:' }],
    ['a storm', Array.from({ length: 150 }, (_, index) => ({ ...missedAlert, id: String(index) })), { lead: 'Your desktop did not show these:', more: 147 }],
  ] as [string, Alert[], object | null][])('%s', (_name, given, expected) => {
    if (expected === null) expect(missed(given)).toBeNull();
    else expect(missed(given)).toMatchObject(expected);
  });
});

describe('a raise', () => {
  it.each([
    [{ by: '2', unit: 'USD' }, [budget()], 'Allow $2 more', 'Budget day may spend $2 more until it resets.'],
    [{ by: '0.50', unit: 'USD' }, [budget({ window: '5h' })], 'Allow $0.50 more', 'Budget day may spend $0.50 more for 5h.'],
    [{ by: '200000', unit: 'tokens' }, [budget({ reset_date: null })], 'Allow 200,000 tokens more', 'Budget day may use 200,000 tokens more for good.'],
    [{ by: '1', unit: 'calls' }, [], 'Allow 1 call more', 'Budget day may use 1 call more.'],
    [{ by: '1000', unit: 'USD' }, [], 'Allow $1,000 more', 'Budget day may spend $1,000 more.'],
  ] as [Raise, Budget[], string, string][])('%j', (raise, budgets, label, words) => {
    expect(raiseLabel(raise)).toBe(label);
    expect(raisedWords(missedAlert, raise, budgets)).toBe(words);
  });
});
