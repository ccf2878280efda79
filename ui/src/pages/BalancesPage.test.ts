import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { byTestId, field, leave, MemoryApi, press, settle, showAt, submit, textOf, type } from '../fixtures/memory-api';
import { balance, empty, quiet } from '../fixtures/status';
import type { Status } from '../types';

afterEach(leave);

async function show(status: Status): Promise<MemoryApi> {
  const api = new MemoryApi(status);
  await showAt(api, '#/balances');
  return api;
}

describe('balances', () => {
  it('say how long each lasts, when it warns and where to look', async () => {
    await show(quiet);
    expect(textOf('balance-openai')).toMatch(/\$31\.40 left Empty about .* at this rate\..*Warns ?below \$5\.00/);
    expect(byTestId('balance-openai')?.querySelector('a')?.href).toBe('https://platform.openai.com/settings/organization/billing');
    expect(byTestId('balance-openai')?.querySelector('a')?.rel).toBe('noreferrer');
  });

  it('say what else is known: what expires, what was spent elsewhere, when it was looked at', async () => {
    const known = { next_expiry: '2026-11-28T10:00:00Z', spent_elsewhere: '4.10', recharge: { below: '5.00', amount: '20.00' }, observed_at: '2026-11-11T17:30:00Z', is_stale: true };
    await show({ ...quiet, balances: [balance(known), balance({ account: 'work', spent_elsewhere: '0.00' })] });
    expect(textOf('balance-openai')).toMatch(/Looked at 10 days ago: time to look again/);
    expect(textOf('balance-openai')).toMatch(/28.* in 6 days/);
    expect(textOf('balance-openai')).toMatch(/Spent elsewhere ?\$4\.10 in 30 days/);
    expect(textOf('balance-openai')).toMatch(/\$20\.00 when below \$5\.00/);
    expect(textOf('balance-work')).not.toContain('Spent elsewhere');
  });

  it('take what the provider says in one field, and tell the difference', async () => {
    const api = await show(quiet);
    await submit('balance-openai');
    expect(textOf('balance-openai')).toContain('Write an amount, such as 12.40.');
    await type('balance-openai', /provider's page/, '30.202');
    await submit('balance-openai');
    expect(api.done).toEqual(['balance openai {"observed":"30.202"}']);
    expect(textOf('balances-told')).toBe('Saved. That is $1.20 less than was counted here: it was spent elsewhere.');
    expect(field('balance-openai', /provider's page/).value).toBe('');
  });

  it('say which refuses and what to do, before all others', async () => {
    const refusing = balance({ account: 'moonshot', remaining: '0.94', floor: '1.00', refusing: true });
    await show({ ...quiet, balances: [...quiet.balances, refusing] });
    expect(document.querySelector('section[data-testid^="balance-"]')?.getAttribute('data-testid')).toBe('balance-moonshot');
    expect(textOf('balance-moonshot')).toMatch(/Refusing calls.*At \$1\.00 or less calls are refused\. Top up/);
  });

  it('keep credit that expires', async () => {
    const api = await show(quiet);
    await press('balance-openai', /^Add credit to openai/);
    await type('grant-dialog', /^Amount/, '20');
    await type('grant-dialog', /^Expires/, '2026-11-21');
    await submit('grant-dialog');
    expect(textOf('grant-dialog')).toContain('Choose a day after today.');
    await type('grant-dialog', /^Expires/, '2027-11-21');
    await type('grant-dialog', /^Note/, 'invoice 7');
    await submit('grant-dialog');
    expect(api.done).toEqual(['grant openai 20 2027-11-21 invoice 7']);
  });

  it('set only the level that was changed', async () => {
    const api = await show(quiet);
    await press('balance-openai', /^Levels of openai/);
    await type('levels-dialog', /^Warn/, '20 percent');
    await submit('levels-dialog');
    expect(textOf('levels-dialog')).toContain('Write an amount (5), a share (20%)');
    await type('levels-dialog', /^Warn/, '20%');
    await submit('levels-dialog');
    expect(api.done).toEqual(['balance openai {"warn":"20%"}']);
    expect(textOf('balances-told')).toBe('The levels of openai are set.');
  });

  it('note what the provider tops up by itself', async () => {
    const api = await show(quiet);
    await press('balance-openai', /^Levels of openai/);
    await type('levels-dialog', /tops up/, '20');
    await submit('levels-dialog');
    expect(textOf('levels-dialog')).toContain('Write what it adds and when (20 when below 5), or off.');
    await type('levels-dialog', /tops up/, '20 when below 5');
    await submit('levels-dialog');
    expect(api.done).toEqual(['balance openai {"recharge":{"amount":"20","below":"5"}}']);
  });

  it('list credit that was added, when asked', async () => {
    const api = new MemoryApi(quiet);
    const bought = { id: '1', account: 'openai', amount: '20.00', remaining: '7.50', currency: 'USD', granted_at: '2026-11-01T10:00:00Z', expires_at: '2027-11-01T10:00:00Z', is_expired: false, note: 'invoice 7' };
    api.granted = [bought, { ...bought, id: '2', amount: '5.00', remaining: '1.00', expires_at: '2026-11-10T10:00:00Z', is_expired: true, note: null }];
    await showAt(api, '#/balances');
    expect(textOf('grants-openai')).toBe('Credit that was added');
    byTestId('grants-openai')?.querySelector('summary')?.click();
    await settle();
    expect(textOf('grants-openai')).toMatch(/\$7\.50 left of \$20\.00, expires Nov 1, 2027 · invoice 7.*\$1\.00 left of \$5\.00, expired/);
  });

  it('begin with one account, and stay with what the API says', async () => {
    const api = await show(empty);
    expect(textOf('balances')).toContain('No account yet.');
    await submit('balances');
    expect(textOf('balances')).toMatch(/Say which account.*Write an amount/);
    await type('balances', /^Account/, 'openai');
    await type('balances', /^What its page says/, '20');
    api.failure = new ApiError('failed', 'The ledger is busy.');
    await submit('balances');
    expect(textOf('balances')).toContain('The ledger is busy.');
    api.failure = null;
    await submit('balances');
    expect(api.done.at(-1)).toBe('balance openai {"observed":"20"}');
    expect(textOf('balances-told')).toBe('The balance of openai is set.');
  });

  it('offer accounts that are not there yet', async () => {
    await show(quiet);
    await press('balances-top', /^Add an account/);
    const offered = [...(byTestId('account-dialog')?.querySelectorAll('datalist option') ?? [])].map((each) => each.getAttribute('value'));
    expect(offered).toContain('openrouter');
    expect(offered).not.toContain('openai');
    await type('account-dialog', /^Account/, 'openai');
    await submit('account-dialog');
    expect(textOf('account-dialog')).toContain('openai is on this page already.');
  });
});
