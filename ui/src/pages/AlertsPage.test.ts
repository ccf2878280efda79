import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { alert, alerts } from '../fixtures/alerts';
import { leave, MemoryApi, press, showAt, textOf, type } from '../fixtures/memory-api';
import { quiet, refusing } from '../fixtures/status';

afterEach(leave);

async function show(hash = '#/alerts', api = new MemoryApi(quiet)): Promise<MemoryApi> {
  await showAt(api, hash);
  return api;
}

const shown = () => [...document.querySelectorAll('[data-testid="alert"] strong')].map((each) => each.textContent);

describe('the page of alerts', () => {
  it('shows what is to be looked at, and all where the address says so', async () => {
    await show();
    expect(shown()).toEqual(["Calls are refused by budget 'day'", "Budget 'day' is 80 % used"]);
    await press('alerts', /^All$/);
    expect(shown()).toHaveLength(4);
    expect(location.hash).toBe('#/alerts?show=all');
  });

  it('is narrowed by kind and severity', async () => {
    const api = await show('#/alerts?show=all');
    await type('alerts', /^What it is about/, 'balance_low');
    expect(shown()).toEqual(["Balance of 'openai' is low"]);
    await type('alerts', /^How much it matters/, 'critical');
    expect(textOf('alerts')).toContain('No alert is like this.');
    await press('alerts', /^Show every kind/);
    expect(shown()).toHaveLength(4);
    expect(api.done).toEqual([]);
  });

  it('marks one as seen and goes on at the next, then all', async () => {
    const api = await show();
    await press('alerts', /^Seen: Calls/);
    expect(api.done).toEqual(['seen 2']);
    expect(textOf('alerts-told')).toBe("Seen: Calls are refused by budget 'day'.");
    expect(document.activeElement?.getAttribute('aria-label')).toBe("Seen: Budget 'day' is 80 % used");
    await press('alerts', /^Seen: Budget/);
    expect(textOf('alerts')).toContain('Nothing to look at. The latest 4 alerts so far are under All.');
    expect((document.activeElement as HTMLElement | null)?.dataset.section).toBe('alerts');
  });

  it('marks only those that are shown', async () => {
    const api = new MemoryApi(quiet);
    api.currentAlerts = [...alerts, alert({ id: '5', title: "Budget 'day' is 95 % used" })];
    await show('#/alerts?severity=warning', api);
    await press('alerts', /^Mark these as seen/);
    expect(api.done).toEqual(['seen 1,5']);
    expect(textOf('alerts-told')).toBe('2 alerts are marked as seen.');
    expect(textOf('bell-number')).toBe('1');
  });

  it('marks all as seen at once', async () => {
    const api = await show();
    await press('alerts', /^Mark all/);
    expect(api.done).toEqual(['seen 2,1,3']);
    expect(shown()).toEqual([]);
  });

  it('raises the budget, and says what came of it', async () => {
    const api = await show('#/alerts', new MemoryApi(refusing));
    await press('alerts', /^Allow \$2 more$/);
    expect(api.done).toEqual(['raise day 2']);
    expect(textOf('alerts-told')).toBe('Budget day may spend $2 more until it resets.');
    api.failure = new ApiError('failed', "there is no budget 'day'; there are no budgets yet");
    await press('alerts', /^Allow \$2 more$/);
    expect(textOf('alerts-told')).toBe("there is no budget 'day'; there are no budgets yet");
  });

  it('says what came of a test on each way, and what helps', async () => {
    const api = new MemoryApi(quiet);
    api.test = {
      ways: [
        { channel: 'desktop', delivered: false, error: 'no notification service is running', fix: 'Start one, such as dunst.' },
        { channel: 'command', delivered: true, error: null, fix: null },
      ],
    };
    await show('#/alerts', api);
    await press('alerts', /^Send a test/);
    expect(textOf('alert-test')).toBe(
      'The test arrived on 1 of 2 ways. Desktop failed: no notification service is running Start one, such as dunst. Command arrived',
    );
    await press('alerts', /^Hide the result/);
    expect(textOf('alert-test')).toBe('');
  });

  it('says when alerts come where there is none', async () => {
    const api = new MemoryApi(quiet);
    api.currentAlerts = [];
    await show('#/alerts', api);
    expect(textOf('alerts')).toContain('No alerts yet.');
  });
});
