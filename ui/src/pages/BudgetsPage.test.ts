import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { byTestId, field, leave, MemoryApi, press, settle, showAt, submit, textOf, type } from '../fixtures/memory-api';
import { budget, bypassed, empty, quiet, refusing } from '../fixtures/status';
import type { BudgetEvent } from '../types';

afterEach(leave);

const made: BudgetEvent = {
  at: '2026-11-20T09:00:00Z',
  actor: 'cli',
  action: 'created',
  detail: { kind: 'hard', unit: 'USD', limit: '5.00', window: 'day', anchor: 240, timezone: 'Europe/Berlin', warn: [80, 95], scope: {}, allow_unpriced: true, may_cap: true },
};

async function show(api: MemoryApi, hash = '#/budgets'): Promise<MemoryApi> {
  await showAt(api, hash);
  return api;
}

const parts = (budget: string) => [...(byTestId(`actions-${budget}`)?.querySelectorAll('button') ?? [])].map((each) => each.textContent);

describe('the list of budgets', () => {
  it('shows each with its state in a word, and leads to it', async () => {
    await show(new MemoryApi(refusing));
    expect(textOf('budget-day')).toMatch(/^day Refusing calls \$4\.98 of \$5\.00 99\.6%.*\$0\.02 left · resets/);
    expect(textOf('budget-ci')).toContain('Paused');
    byTestId('budget-day')?.querySelector('a')?.click();
    location.hash = '#/budgets/day';
    window.dispatchEvent(new Event('hashchange'));
    await settle();
    expect(byTestId('budget-history')).not.toBeNull();
  });

  it('offers plans where there is none, and says what they set', async () => {
    const api = new MemoryApi(empty);
    api.planList = { plan: null, plans: [{ name: 'solo', day: '5.00', week: null, month: '100.00', total: null }] };
    await show(api);
    expect(textOf('plans')).toContain('$5 a day, $100 a month');
    await press('plans', /Use plan solo/);
    expect(api.done).toContain('plan solo');
    expect(textOf('budgets-told')).toBe('Plan solo is in use.');
  });

  it('says what a plan would replace, and asks before it does', async () => {
    const api = new MemoryApi(quiet);
    api.planList = { plan: null, plans: [{ name: 'pro', day: '25.00', week: null, month: null, total: null }] };
    await show(api);
    await press('budgets', /^Plans/);
    expect(textOf('plans')).toContain('Changes day from $5.00 to $25.00');
    await press('plans', /Use plan pro/);
    expect(textOf('plans')).toContain('Replace this limit?');
    expect(api.done).toEqual([]);
    await press('plans', /^Keep mine/);
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Use plan pro');
    await press('plans', /Use plan pro/);
    await press('plans', /^Replace/);
    expect(api.done).toEqual(['plan pro instead']);
    expect(textOf('budgets-told')).toBe('Plan pro is in use.');
  });

  it('asks too where a limit in the way was set meanwhile', async () => {
    const api = new MemoryApi(empty);
    api.planList = { plan: null, plans: [{ name: 'solo', day: '5.00', week: null, month: null, total: null }] };
    await show(api);
    api.failure = new ApiError('failed', "There is a budget 'day' of yours.", 'own_limits');
    await press('plans', /Use plan solo/);
    expect(textOf('plans')).toContain("There is a budget 'day' of yours.");
    api.failure = null;
    await press('plans', /^Replace/);
    expect(api.done.at(-1)).toBe('plan solo instead');
  });

  it('lets everything through only for a reason', async () => {
    const api = await show(new MemoryApi(quiet));
    await press('budgets', /^Let everything through/);
    await submit('bypass-dialog');
    expect(api.done).toEqual([]);
    await type('bypass-dialog', /^Why/, 'the release');
    await press('bypass-dialog', /^Refuse nothing for 15 minutes/);
    await submit('bypass-dialog');
    expect(api.done).toEqual(['bypass 900 the release']);
  });

  it('does not offer it a second time', async () => {
    await show(new MemoryApi(bypassed));
    expect(textOf('budgets')).not.toContain('Let everything through');
    expect(textOf('banner')).toContain('Limits are off');
  });

  it('says that an address names no budget', async () => {
    await show(new MemoryApi(quiet), '#/budgets/nobody');
    expect(document.body.textContent).toContain('There is no budget named nobody.');
  });
});

describe('the form of a budget', () => {
  it('says what is wrong beside each field, and saves nothing', async () => {
    const api = await show(new MemoryApi(quiet), '#/budgets?new=1');
    await submit('budget-dialog');
    expect(textOf('budget-dialog')).toMatch(/Give it a name.*Say how much may be spent/);
    await type('budget-dialog', /^Name/, 'day');
    expect(textOf('budget-dialog')).toContain('There is a budget named day already.');
    expect(field('budget-dialog', /^Name/).getAttribute('aria-invalid')).toBe('true');
    expect(api.done).toEqual([]);
  });

  it('tries the limit on the past before it is made', async () => {
    const api = new MemoryApi(quiet);
    api.rehearsal = {
      ...api.rehearsal,
      refused_calls: 3,
      refused_usd: '1.20',
      periods_hit: 2,
      first_refused: [{ id: 'a', time: '2026-11-14T10:00:00Z', model: 'gpt-5.1', cost_usd: '0.41' }],
    };
    await show(api, '#/budgets?new=1');
    await type('budget-dialog', /^Name/, 'week');
    await type('budget-dialog', /^Limit/, '20');
    expect(textOf('rehearsal')).toContain('Looking at the last 30 days');
    await settle(400);
    expect(textOf('rehearsal')).toMatch(/would have refused 3 of 412 calls \(\$1\.20\), on 2 of 28 days, first on .*14.*: gpt-5\.1\.$/);
    expect(api.done).toHaveLength(1);
    await submit('budget-dialog');
    expect(JSON.parse(api.done[1]?.replace('set week ', '') ?? '')).toMatchObject({ limit: '20', window: 'day', reset_at: '00:00', kind: 'hard', warn: [80, 95], scope: {} });
    expect(byTestId('budget-dialog')).toBeNull();
    expect(textOf('budgets-told')).toBe('Budget week is made.');
  });

  it('stays open with what the API says', async () => {
    const api = await show(new MemoryApi(quiet), '#/budgets?new=1');
    api.failure = new ApiError('failed', "'[' is not a pattern for models");
    await type('budget-dialog', /^Name/, 'opus');
    await type('budget-dialog', /^Limit/, '2');
    await submit('budget-dialog');
    expect(textOf('budget-dialog')).toContain("'[' is not a pattern for models");
  });

  it('narrows to what was used', async () => {
    await show(new MemoryApi(quiet), '#/budgets?new=1');
    await press('budget-dialog', /Add a condition/);
    const offered = [...(byTestId('budget-dialog')?.querySelectorAll('datalist option') ?? [])].map((each) => each.getAttribute('value'));
    expect(offered).toContain('gpt-5.1');
    await press('budget-dialog', /Take condition 1 away/);
    expect(textOf('budget-dialog')).toContain('All calls.');
  });

  it('sets only what differs of one that is there', async () => {
    const api = new MemoryApi(quiet);
    api.history = { events: [made] };
    await show(api, '#/budgets/day');
    await press('actions-day', /^Change/);
    expect(field('budget-dialog', /^The day begins/).value).toBe('04:00');
    await type('budget-dialog', /^Limit/, '7.5');
    await submit('budget-dialog');
    expect(api.done).toContain('set day {"limit":"7.5"}');
    expect(textOf('budget-told')).toBe('Budget day is changed.');
  });
});

describe('one budget', () => {
  it('tells its past and offers the limit that would have done', async () => {
    const api = new MemoryApi({ ...quiet, budgets: [budget({ last_30_days: { days: 30, hit: 9, nine_in_ten: '7.00', is_guess: false } })] });
    api.history = { events: [made] };
    await show(api, '#/budgets/day');
    expect(textOf('budget-day')).toContain('Reached on 9 of 30 days; $7.00 would have covered nine in ten.');
    expect(textOf('budget-history')).toMatch(/Made: \$5\.00 per day, hard, all calls.*in a terminal/);
    await press('budget-day', /^Set the limit to \$7\.00/);
    expect(field('budget-dialog', /^Limit/).value).toBe('7');
  });

  it('is raised until a day', async () => {
    const api = await show(new MemoryApi(quiet), '#/budgets/day');
    await press('actions-day', /^Raise/);
    await type('actions-day', /^By/, 'two');
    await submit('actions-day');
    expect(textOf('actions-day')).toContain('Write an amount in dollars');
    await type('actions-day', /^By/, '2');
    await type('actions-day', /^Until/, '2026-11-25');
    await submit('actions-day');
    expect(api.done).toEqual(['raise day 2 2026-11-25']);
    expect(textOf('budget-told')).toContain('Raised by $2.00 until');
    expect(document.activeElement?.textContent).toBe('Raise…');
  });

  it('is topped up and paused', async () => {
    const api = await show(new MemoryApi(quiet), '#/budgets/day');
    await press('actions-day', /^Top up/);
    await type('actions-day', /^By/, '3');
    await submit('actions-day');
    await press('actions-day', /^Pause/);
    await press('actions-day', /^1 hour/);
    expect(api.done).toEqual(['top up day 3', 'pause day 3600']);
  });

  it('is shown anew after a pause', async () => {
    const api = await show(new MemoryApi(quiet), '#/budgets/day');
    const asked = api.asked.length;
    await press('actions-day', /^Pause/);
    await press('actions-day', /^1 day/);
    expect(api.done).toEqual(['pause day 86400']);
    expect(api.asked.slice(asked)).toContain('status');
    expect(parts('day')).toEqual(['Raise…', 'Top up…', 'Pause…', 'Change…', 'Delete…']);
  });

  it('says until when it is paused, and is resumed', async () => {
    const api = await show(
      new MemoryApi({ ...refusing, budgets: refusing.budgets.map((each) => ({ ...each, paused_until: '2026-11-21T18:30:00Z' })) }),
      '#/budgets/ci',
    );
    expect(textOf('actions-ci')).toMatch(/Counts without refusing until .*in 1 h/);
    await press('actions-ci', /^Resume/);
    expect(api.done).toEqual(['resume ci']);
  });

  it('offers the raise that lets calls go on, and says why it was not made', async () => {
    const api = await show(new MemoryApi(refusing), '#/budgets/day');
    await press('actions-day', /^Raise/);
    expect(field('actions-day', /^By/).value).toBe('2');
    api.failure = new ApiError('failed', 'The ledger is busy.');
    await submit('actions-day');
    expect(textOf('actions-day')).toContain('The ledger is busy.');
    api.failure = null;
    await submit('actions-day');
    expect(api.done.at(-1)).toBe('raise day 2');
    expect(textOf('budget-told')).toBe('Raised by $2.00 until it resets.');
  });

  it('tells its raises, and takes them back', async () => {
    const raises = [{ by: '2.00', until: '2026-11-21T23:00:00Z' }, { by: '1.00', until: null }];
    const api = await show(new MemoryApi({ ...quiet, budgets: quiet.budgets.map((each) => ({ ...each, raises })) }), '#/budgets/day');
    expect(textOf('actions-day')).toMatch(/\$2\.00 of the limit is a raise until .*\$1\.00 of the limit is a raise for good/);
    await press('actions-day', /^Take raises back/);
    expect(api.done).toEqual(['lower day']);
    expect(textOf('budget-told')).toBe('Budget day is no longer raised.');
  });

  it('has nothing to pause where it is soft', async () => {
    await show(new MemoryApi(quiet), '#/budgets/opus%20tokens');
    expect(parts('opus tokens')).toEqual(['Raise…', 'Top up…', 'Change…', 'Delete…']);
  });

  it('is deleted in two steps, and the list says so', async () => {
    const api = await show(new MemoryApi(quiet), '#/budgets/day');
    await press('actions-day', /^Delete…/);
    expect(api.done).toEqual([]);
    await press('actions-day', /^Delete budget/);
    expect(api.done).toEqual(['remove day']);
    expect(textOf('budgets-told')).toBe('Budget day is deleted.');
    expect(byTestId('budget-day')).toBeNull();
    expect((document.activeElement as HTMLElement | null)?.dataset.section).toBe('budgets');
  });
});
