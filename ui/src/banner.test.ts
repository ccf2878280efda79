import { describe, expect, it } from 'vitest';
import { bannersFor } from './banner';
import { balance, budget, bypassed, empty, quiet, refusing, warned } from './fixtures/status';
import type { Status } from './types';

const display = { locale: 'en-GB', timeZone: 'Europe/Berlin' };
const now = Date.parse(quiet.as_of);
const show = (status: Status) => bannersFor(status, now, display);

describe('which banners', () => {
  it.each([
    ['quiet', quiet, []],
    ['empty', empty, []],
    ['warned', warned, ['warning']],
    ['refusing, another budget warned', refusing, ['refusing', 'warning']],
    ['waiting', { ...quiet, budgets: [budget({ state: 'waiting' })] }, ['warning']],
    ['paused', { ...quiet, budgets: [budget({ state: 'paused', percent: 99 })] }, []],
    ['bypassed', bypassed, ['warning']],
    ['low credit alone', { ...quiet, balances: [balance({ remaining: '4.99' })] }, ['warning']],
    ['the refusing budget alone', { ...refusing, budgets: refusing.budgets.slice(0, 1) }, ['refusing']],
  ] as [string, Status, string[]][])('%s', (_name, status, levels) => {
    expect(show(status).map((banner) => banner.level)).toEqual(levels);
  });
});

describe('the red one', () => {
  it('says which, why, until when and how to go on', () => {
    expect(show(refusing)[0]).toEqual({
      level: 'refusing',
      title: 'Calls are being refused',
      items: [
        {
          id: 'blocked-day-quota_exceeded',
          text: 'Budget day is used up: $4.98 of $5.00 spent.',
          detail: 'Calls go through again tomorrow 00:00 (in 5 h 30 min).',
          command: 'outlay budget raise day --by 2',
        },
      ],
      more: 0,
    });
  });

  it.each([
    ['quota_exceeded', 'total', null, 'Budget total is used up: $2.18 of $5.00 spent.', 'outlay budget raise total --by 2'],
    ['balance_empty', 'openai', null, 'openai has no credit left.', 'outlay balance add openai 20'],
    ['unpriced_model', 'total', null, 'Budget total met a model without a price: $2.18 of $5.00 spent.', 'outlay calls --limit 5'],
    ['something_new', 'gone', null, 'gone refuses calls (something new).', null],
  ])('%s of %s', (reason, name, until, text, command) => {
    const status = { ...quiet, budgets: [budget({ name: 'total', window: 'total' })], blocked: [{ budget: name, reason, until }] };
    expect(show(status)[0]?.items[0]).toMatchObject({ text, command, detail: 'This does not lift by itself.' });
  });
});

it('names a few of many', () => {
  const blocked = Array.from({ length: 120 }, (_, index) => ({ budget: `p${index}`, reason: 'quota_exceeded', until: null }));
  const [banner] = show({ ...quiet, blocked });
  expect([banner?.items.length, banner?.more]).toEqual([5, 115]);
});

describe('the yellow one', () => {
  it('names budget, percent and reset, fullest first, then credit', () => {
    const [banner] = show(warned);
    expect(banner?.title).toBe('Over a limit');
    expect(banner?.items.map((item) => [item.text, item.detail])).toEqual([
      ['Budget experiments is at 112.0%: $1.12 of $1.00 spent.', 'Resets tomorrow 00:00 (in 5 h 30 min). It only warns: nothing is refused.'],
      ['Budget day is at 86.4%: $4.20 of $5.00 spent.', 'Resets tomorrow 00:00 (in 5 h 30 min).'],
      ['Prepaid credit at openai is down to $3.11, below $5.00.', expect.stringMatching(/^Empty about Mon,? 23 Nov \(between Sun,? 22 Nov and Wed,? 25 Nov\) at this rate\.$/)],
    ]);
  });

  it('says first that limits are off, until when and what for', () => {
    const [banner] = show({ ...bypassed, balances: warned.balances });
    expect(banner?.title).toBe('Limits are off');
    expect(banner?.items[0]).toEqual({
      id: 'bypass',
      text: 'No limit refuses calls until 18:50 (in 20 min), for: the release.',
      detail: 'Everything is counted all the same.',
      command: 'outlay bypass off',
    });
    expect(banner?.items).toHaveLength(2);
  });

  it('counts tokens where the budget does', () => {
    const tokens = budget({ name: 'tokens', unit: 'tokens', used: 900_000, limit: 1_000_000, held: 0, percent: 90, state: 'warned', reset_date: null });
    expect(show({ ...quiet, budgets: [tokens] })[0]?.items[0]).toMatchObject({
      text: 'Budget tokens is at 90.0%: 900,000 of 1,000,000 tokens used.',
      detail: 'It does not reset.',
    });
  });
});
