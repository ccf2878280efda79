import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from './api';
import { byTestId, leave, MemoryApi, nothingYet, press, settle, showAt, textOf } from './fixtures/memory-api';
import { bypassed, empty, quiet, refusing, warned } from './fixtures/status';

afterEach(leave);

describe('above every page', () => {
  it.each([
    ['warned', warned, 'warning', /Budget day is at 86\.4%/],
    ['refusing', refusing, 'refusing', /outlay budget raise day --by 2/],
  ])('puts a banner up when %s', async (_name, status, level, text) => {
    await showAt(new MemoryApi(status));
    expect(byTestId('banner')?.dataset.level).toBe(level);
    expect(textOf('banner')).toMatch(text);
  });

  it('says that limits are off, and lets them refuse again', async () => {
    const api = new MemoryApi(bypassed);
    await showAt(api, '#/budgets');
    expect(textOf('banner')).toMatch(/Limits are off.*for: the release/);
    expect(textOf('budget-claude')).toMatch(/in any 5 hours · client claude-code.*frees up from/);
    await press('banner', /refuse again/);
    expect(api.done).toEqual(['end bypass']);
  });

  it('rings the bell, which leads to the alerts', async () => {
    await showAt(new MemoryApi());
    expect(byTestId('bell')?.getAttribute('aria-label')).toBe('2 alerts to look at');
    expect(textOf('bell-number')).toBe('2');
    byTestId('bell')?.click();
    await settle();
    expect(location.hash).toBe('#/alerts');
    expect(document.activeElement?.textContent).toBe('Alerts');
    expect(textOf('alert')).toMatch(/Critical Calls are refused by budget 'day' 12 times .*Desktop failed after 3 tries/);
  });

  it('has no bell where alerts cannot be told', async () => {
    const api = nothingYet(empty);
    api.failing = { alerts: new ApiError('failed', 'The ledger is busy.') };
    await showAt(api, '#/alerts');
    expect(textOf('alerts')).toContain('This could not be loaded. The ledger is busy.');
    expect(byTestId('bell')).toBeNull();
  });

  it('tells of alerts that reached nobody until they are seen', async () => {
    const api = new MemoryApi();
    await showAt(api);
    expect(textOf('missed')).toMatch(/Your desktop did not show this: Calls are refused by budget 'day' \(12 times\)/);
    await press('missed', /^Seen$/);
    expect(api.done).toEqual(['seen 2']);
    expect(byTestId('missed')).toBeNull();
  });
});

describe('without an answer', () => {
  it.each([
    ['no_token', /outlay dashboard/],
    ['code_rejected', /used before or is older than a minute/],
  ] as const)('%s', async (signIn, text) => {
    const api = new MemoryApi();
    api.signInResult = signIn;
    await showAt(api);
    expect(textOf('login-hint')).toMatch(text);
    expect(byTestId('dashboard')).toBeNull();
  });

  it('says so where nobody answers, and comes up once somebody does', async () => {
    const api = new MemoryApi();
    api.failing.all = new ApiError('offline', 'Outlay does not answer.');
    await showAt(api);
    expect(textOf('unreachable')).toContain('outlay serve');
    api.failing = {};
    await settle(11_000);
    expect(textOf('today-cost')).toBe('$2.18');
  });

  it('keeps the last figures and marks them while the connection is lost', async () => {
    const api = new MemoryApi();
    await showAt(api);
    api.failing.all = new ApiError('offline', 'Outlay does not answer.');
    await settle(3_000);
    expect(textOf('stale')).toContain('from the last answer');
    expect(textOf('as-of')).toContain('Not connected');
    expect(textOf('today-cost')).toBe('$2.18');
  });

  it('goes back to the login hint when the login ends', async () => {
    const api = new MemoryApi();
    await showAt(api);
    api.failing.all = new ApiError('signed_out', 'This page is not signed in.');
    await settle(3_000);
    expect(textOf('login-hint')).toContain('Your login has ended.');
  });
});

describe('keeping up to date', () => {
  it('loads once more for all who ask while it loads', async () => {
    const api = new MemoryApi();
    const dashboard = await showAt(api);
    api.asked = [];
    const first = dashboard.refresh();
    const [second, third] = [dashboard.refresh(), dashboard.refresh()];
    await first;
    expect(api.asked.filter((each) => each === 'status')).toHaveLength(1);
    expect(third).toBe(second);
    await second;
    expect(api.asked.filter((each) => each === 'status')).toHaveLength(2);
    expect(dashboard.refreshing).toBe(false);
  });

  it('reloads when the revision changed and not otherwise', async () => {
    const api = new MemoryApi();
    await showAt(api);
    api.asked = [];
    await settle(5_000);
    expect(api.asked).not.toContain('status');
    api.revision = 2;
    api.current = refusing;
    await settle(2_000);
    expect(api.asked).toContain('status');
    expect(byTestId('banner')?.dataset.level).toBe('refusing');
  });

  it('reloads when a period ends though nothing was written', async () => {
    const api = new MemoryApi({ ...refusing, as_of: '2026-11-21T22:59:55Z' });
    await showAt(api);
    api.asked = [];
    await settle(4_000);
    expect(api.asked).not.toContain('status');
    api.current = { ...quiet, as_of: '2026-11-21T23:00:01Z' };
    await settle(4_000);
    expect(api.asked).toContain('status');
    expect(byTestId('banner')).toBeNull();
  });
});
