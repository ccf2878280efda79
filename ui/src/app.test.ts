import { flushSync, mount, unmount } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Api, ApiError } from './api';
import App from './App.svelte';
import { Dashboard } from './dashboard.svelte';
import { alerts } from './fixtures/alerts';
import { calls, explanation } from './fixtures/calls';
import { bypassed, empty, quiet, refusing, warned } from './fixtures/status';
import { usage, usageByDay, usageByModel } from './fixtures/usage';
import type { CallPage, Status } from './types';

/** An API that answers from memory. */
class FakeApi extends Api {
  revision = 1;
  asked: string[] = [];
  daysFailure: ApiError | null = null;
  alertsFailure: ApiError | null = null;
  currentAlerts = alerts;
  failure: ApiError | null = null;
  constructor(
    public current: Status,
    readonly signInResult: 'ready' | 'no_token' | 'code_rejected' = 'ready',
    readonly page: CallPage = { rows: calls, cursor: null },
  ) {
    super();
  }
  override signIn = async () => this.signInResult;
  override status = async () => this.#answer('status', this.current);
  override pulse = async () => this.#answer('pulse', { revision: this.revision });
  override usage = async ({ by }: { by: 'day' | 'model' }) => {
    if (by === 'day' && this.daysFailure) throw this.daysFailure;
    if (this.page.rows.length === 0) return usage([], by);
    return by === 'day' ? usageByDay() : usageByModel();
  };
  override calls = async () => this.#answer('calls', this.page);
  override explanation = async (call: string) => this.#answer(`why ${call.slice(-2)}`, explanation);
  override pause = async (budget: string, seconds: number | null) => this.#answer(`pause ${budget} ${seconds}`, undefined);
  override resume = async (budget: string) => this.#answer(`resume ${budget}`, undefined);
  override raise = async (budget: string, by: string) => this.#answer(`raise ${budget} ${by}`, undefined);
  override endBypass = async () => this.#answer('end bypass', undefined);
  override alerts = async () => {
    if (this.alertsFailure) throw this.alertsFailure;
    return { alerts: this.page.rows.length === 0 ? [] : this.currentAlerts };
  };
  override acknowledge = async (ids: string[] | null) => {
    await this.#answer(`seen ${ids ?? 'all'}`, undefined);
    this.currentAlerts = this.currentAlerts.map((each) =>
      ids === null || ids.includes(each.id) ? { ...each, acknowledged_at: quiet.as_of } : each,
    );
  };

  async #answer<T>(name: string, value: T): Promise<T> {
    this.asked.push(name);
    if (this.failure) throw this.failure;
    return value;
  }
}

let app: Record<string, unknown> | undefined;

async function show(api: FakeApi): Promise<Dashboard> {
  vi.useFakeTimers({ now: Date.parse(quiet.as_of) });
  const dashboard = new Dashboard(api);
  app = mount(App, { target: document.body, props: { dashboard } });
  await vi.advanceTimersByTimeAsync(0);
  flushSync();
  return dashboard;
}

afterEach(async () => {
  if (app) await unmount(app);
  app = undefined;
  document.body.innerHTML = '';
  vi.useRealTimers();
});

const byTestId = (id: string) => document.querySelector<HTMLElement>(`[data-testid="${id}"]`);
const textOf = (id: string) => byTestId(id)?.textContent?.replace(/\s+/g, ' ').trim();

describe('the page', () => {
  it('shows spend, budgets, credit, charts and calls', async () => {
    await show(new FakeApi(quiet));
    expect(textOf('today-cost')).toBe('$2.18');
    expect(byTestId('today-cost')?.getAttribute('value')).toBe('2.184021');
    expect(textOf('month-cost')).toBe('$41.73');
    expect(byTestId('budget-day')?.dataset.state).toBe('ok');
    expect(textOf('budget-day')).toMatch(/\$2\.18 of \$5\.00 49\.9% .*\$0\.31 held by running calls.*\$2\.51 left · resets/);
    expect(textOf('balance-anthropic')).toMatch(/\$12\.40 Not known when it will be empty/);
    expect(byTestId('banner')).toBeNull();
    expect(document.querySelectorAll('[data-testid="chart-days"] .columns button')).toHaveLength(30);
    expect(document.querySelectorAll('[data-testid="call-row"]')).toHaveLength(calls.length);
  });

  it('shows an unknown cost as a dash and a free call as zero', async () => {
    await show(new FakeApi(quiet));
    const costs = Object.fromEntries(
      [...document.querySelectorAll<HTMLElement>('[data-testid="call-row"]')].map((row) => [
        row.dataset.id?.slice(-2),
        row.querySelector('[data-testid="call-cost"]')?.textContent?.trim(),
      ]),
    );
    expect(costs).toMatchObject({ '01': '$0.0337746', '02': '—', '04': '—', '06': '—', '09': '$0.00' });
  });

  it('has every chart as a table with exact amounts', async () => {
    await show(new FakeApi(quiet));
    document.querySelectorAll<HTMLElement>('.switch button:last-child').forEach((button) => button.click());
    flushSync();
    expect(textOf('table-days')).toMatch(/21.*?\$2\.1840214%133/);
    expect(textOf('table-days')).toContain('$60.228286');
    expect(byTestId('table-models')?.querySelectorAll('tbody tr')).toHaveLength(9);
  });

  it('opens a call to all that is known about it', async () => {
    await show(new FakeApi(quiet));
    document.querySelectorAll<HTMLElement>('[data-testid="call-row"] button')[1]?.click();
    flushSync();
    expect(document.querySelector('tr.detail')?.textContent).toMatch(/usage times price.*48,112/s);
  });

  it.each([
    ['warned', warned, 'warning', /Budget day is at 86\.4%/],
    ['refusing', refusing, 'refusing', /outlay budget raise day --by 2/],
  ])('puts a banner up when %s', async (_name, status, level, text) => {
    await show(new FakeApi(status));
    expect(byTestId('banner')?.dataset.level).toBe(level);
    expect(textOf('banner')).toMatch(text);
  });

  it('says how to begin where there is nothing yet', async () => {
    await show(new FakeApi(empty, 'ready', { rows: [], cursor: null }));
    expect(textOf('today-cost')).toBe('$0.00');
    expect(document.body.textContent).toContain('outlay budget set day --limit 5 --window day');
    expect(textOf('calls')).toContain('outlay run -- claude');
  });
});

const buttons = (id: string) => [...(byTestId(id)?.querySelectorAll<HTMLButtonElement>('button') ?? [])];
const press = async (id: string, label: RegExp) => {
  const button = buttons(id).find((each) => label.test(each.textContent ?? ''));
  expect(button, `${label} in ${id}`).toBeDefined();
  button?.click();
  await vi.advanceTimersByTimeAsync(0);
  flushSync();
};

describe('alerts', () => {
  const shown = () => [...document.querySelectorAll('[data-testid="alert"] strong')].map((each) => each.textContent);

  it('ring the bell, which leads to them', async () => {
    await show(new FakeApi(quiet));
    expect(byTestId('bell')?.getAttribute('aria-label')).toBe('2 alerts to look at');
    expect(textOf('bell-number')).toBe('2');
    byTestId('bell')?.click();
    await vi.advanceTimersByTimeAsync(0);
    expect(document.activeElement?.textContent).toBe('Alerts');
    expect(textOf('alert')).toMatch(/Critical Calls are refused by budget 'day' 12 times .*Desktop failed after 3 tries/);
    await press('alerts', /^All$/);
    expect(shown()).toHaveLength(4);
  });

  it('are marked as seen one by one; the keyboard goes on at the next', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    await press('alerts', /^Seen$/);
    expect(api.asked).toContain('seen 2');
    expect(textOf('bell-number')).toBe('1');
    expect(textOf('alerts-told')).toBe("Seen: Calls are refused by budget 'day'.");
    expect(document.activeElement?.getAttribute('aria-label')).toBe("Seen: Budget 'day' is 80 % used");
    await press('alerts', /^Seen$/);
    expect(byTestId('bell-number')).toBeNull();
    expect(document.activeElement?.textContent).toBe('Alerts');
    expect(textOf('alerts')).toContain('Nothing to look at. The latest 4 alerts so far are under All.');
  });

  it('are all marked as seen at once', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    await press('alerts', /^Mark all/);
    expect(api.asked).toContain('seen 2,1,3');
    expect(shown()).toEqual([]);
  });

  it('that reached nobody stand above the page until they are seen', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    expect(textOf('missed')).toMatch(/Your desktop did not show this: Calls are refused by budget 'day' \(12 times\)/);
    await press('missed', /^Seen$/);
    expect(api.asked).toContain('seen 2');
    expect(byTestId('missed')).toBeNull();
  });

  it('raise the budget, and say what came of it', async () => {
    const api = new FakeApi(refusing);
    await show(api);
    await press('alerts', /^Allow \$2 more$/);
    expect(api.asked).toContain('raise day 2');
    expect(textOf('alerts-told')).toBe('Budget day may spend $2 more until it resets.');
    api.failure = new ApiError('failed', "there is no budget 'day'; there are no budgets yet");
    await press('alerts', /^Allow \$2 more$/);
    expect(textOf('alerts-told')).toBe("there is no budget 'day'; there are no budgets yet");
  });

  it('say how to see one where there were none, and why where they cannot be shown', async () => {
    const api = new FakeApi(empty, 'ready', { rows: [], cursor: null });
    await show(api);
    expect(textOf('alerts')).toContain('outlay alerts test');
    api.alertsFailure = new ApiError('failed', 'The ledger is busy.');
    api.revision = 2;
    await vi.advanceTimersByTimeAsync(3_000);
    flushSync();
    expect(textOf('alerts')).toContain('This could not be loaded. The ledger is busy.');
    expect(byTestId('bell')).toBeNull();
  });
});

describe('limits', () => {

  it('pauses a hard budget for a while, then shows it anew', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    api.asked = [];
    await press('actions-day', /^Pause/);
    await press('actions-day', /1 day/);
    expect(api.asked[0]).toBe('pause day 86400');
    expect(api.asked).toContain('status');
    expect(buttons('actions-day').map((button) => button.textContent)).toEqual(['Pause…', 'Raise…']);
  });

  it('resumes a paused one and says until when it is paused', async () => {
    const paused = { ...quiet, budgets: refusing.budgets.map((each) => ({ ...each, paused_until: '2026-11-21T18:30:00Z' })) };
    const api = new FakeApi(paused);
    await show(api);
    expect(textOf('actions-ci')).toMatch(/Counts without refusing until .*in 1 h/);
    await press('actions-ci', /^Resume/);
    expect(api.asked).toContain('resume ci');
  });

  it('raises by the amount that lets calls go on', async () => {
    const api = new FakeApi(refusing);
    await show(api);
    await press('actions-day', /^Raise/);
    await press('actions-day', /until it resets/);
    expect(api.asked).toContain('raise day 2');
  });

  it('says why a change was not made', async () => {
    const api = new FakeApi(refusing);
    await show(api);
    await press('actions-day', /^Raise/);
    api.failure = new ApiError('failed', "'two' is no amount of money.");
    await press('actions-day', /until it resets/);
    expect(textOf('actions-day')).toContain("'two' is no amount of money.");
  });

  it('leaves a soft budget nothing to pause', async () => {
    await show(new FakeApi(quiet));
    expect(buttons('actions-opus tokens').map((button) => button.textContent)).toEqual(['Raise…']);
  });

  it('says that limits are off, and lets them refuse again', async () => {
    const api = new FakeApi(bypassed);
    await show(api);
    expect(textOf('banner')).toMatch(/Limits are off.*for: the release/);
    expect(textOf('budget-claude')).toMatch(/in any 5 hours · client claude-code.*frees up from/);
    await press('banner', /refuse again/);
    expect(api.asked).toContain('end bypass');
  });

  it('explains a refused call, once for as long as it stays the same', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    const rows = () => [...document.querySelectorAll<HTMLElement>('[data-testid="call-row"]')];
    rows().find((row) => row.dataset.status === 'refused')?.querySelector('button')?.click();
    flushSync();
    await vi.advanceTimersByTimeAsync(0);
    flushSync();
    expect(textOf('why')).toMatch(/could not pay for it.*day per day, all calls\$5\.00\$4\.98\$0\.00\$0\.12has too little left.*2,000,000 tokens/);
    api.revision = 2;
    await vi.advanceTimersByTimeAsync(5_000);
    flushSync();
    expect(api.asked.filter((each) => each.startsWith('why'))).toEqual(['why 02']);
    rows().find((row) => row.dataset.status === 'failed')?.querySelector('button')?.click();
    flushSync();
    expect(document.querySelectorAll('[data-testid="why"]')).toHaveLength(1);
  });
});

describe('without an answer', () => {
  it.each([
    ['no_token', /outlay dashboard/],
    ['code_rejected', /used before or is older than a minute/],
  ] as const)('%s', async (signIn, text) => {
    await show(new FakeApi(quiet, signIn));
    expect(textOf('login-hint')).toMatch(text);
    expect(byTestId('dashboard')).toBeNull();
  });

  it('says so where nobody answers, and comes up once somebody does', async () => {
    const api = new FakeApi(quiet);
    api.failure = new ApiError('offline', 'Outlay does not answer.');
    await show(api);
    expect(textOf('unreachable')).toContain('outlay serve');
    api.failure = null;
    await vi.advanceTimersByTimeAsync(11_000);
    flushSync();
    expect(textOf('today-cost')).toBe('$2.18');
  });

  it('keeps the last figures and marks them while the connection is lost', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    api.failure = new ApiError('offline', 'Outlay does not answer.');
    await vi.advanceTimersByTimeAsync(3_000);
    flushSync();
    expect(textOf('stale')).toContain('from the last answer');
    expect(textOf('as-of')).toContain('Not connected');
    expect(textOf('today-cost')).toBe('$2.18');
  });

  it('goes back to the login hint when the login ends', async () => {
    const api = new FakeApi(quiet);
    await show(api);
    api.failure = new ApiError('signed_out', 'This page is not signed in.');
    await vi.advanceTimersByTimeAsync(3_000);
    flushSync();
    expect(textOf('login-hint')).toContain('Your login has ended.');
  });

  it('lets one part fail alone', async () => {
    const api = new FakeApi(quiet);
    api.daysFailure = new ApiError('failed', 'The ledger is busy.');
    await show(api);
    expect(textOf('chart-days')).toContain('This could not be loaded. The ledger is busy.');
    expect(textOf('chart-models')).toContain('gpt-5.1');
  });
});

describe('keeping up to date', () => {
  it('loads once more for all who ask while it loads', async () => {
    const api = new FakeApi(quiet);
    const dashboard = await show(api);
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
    const api = new FakeApi(quiet);
    await show(api);
    api.asked = [];
    await vi.advanceTimersByTimeAsync(5_000);
    expect(api.asked).not.toContain('status');
    api.revision = 2;
    api.current = refusing;
    await vi.advanceTimersByTimeAsync(2_000);
    flushSync();
    expect(api.asked).toContain('status');
    expect(byTestId('banner')?.dataset.level).toBe('refusing');
  });

  it('reloads when a period ends though nothing was written', async () => {
    const api = new FakeApi({ ...refusing, as_of: '2026-11-21T22:59:55Z' });
    await show(api);
    api.asked = [];
    await vi.advanceTimersByTimeAsync(4_000);
    expect(api.asked).not.toContain('status');
    api.current = { ...quiet, as_of: '2026-11-21T23:00:01Z' };
    await vi.advanceTimersByTimeAsync(4_000);
    flushSync();
    expect(api.asked).toContain('status');
    expect(byTestId('banner')).toBeNull();
  });
});
