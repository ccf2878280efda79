import { afterEach, describe, expect, it } from 'vitest';
import { byTestId, leave, MemoryApi, press, settle, showAt, textOf } from '../fixtures/memory-api';
import { empty, quiet } from '../fixtures/status';
import { importDone, logs } from '../fixtures/tools';

afterEach(leave);

describe('the guide', () => {
  const steps = () => Object.fromEntries(['logs', 'limits', 'tools', 'service'].map((each) => [each, byTestId(`start-${each}`)?.dataset.state]));
  const current = () => document.querySelector<HTMLElement>('[aria-current="step"]')?.dataset.testid;

  it('goes from nothing to limits, step by step', async () => {
    const api = new MemoryApi(empty);
    await showAt(api, '#/start');
    expect(steps()).toEqual({ logs: 'todo', limits: 'todo', tools: 'todo', service: 'todo' });
    await press('start-logs', /^Import/);
    api.currentImports = importDone;
    api.currentLogs = { sources: logs.sources.map((each) => ({ ...each, imported_until: quiet.as_of })) };
    await settle(600);
    expect(current()).toBe('start-logs');
    expect(textOf('start-month')).toMatch(/calls over the last 30 days/);
    await press('start-logs', /Continue/);
    expect(current()).toBe('start-limits');
    expect(document.activeElement?.textContent).toBe('Set limits');
    await press('start-limits', /Only warn/);
    byTestId('start-limits')?.querySelector('form')?.requestSubmit();
    await settle();
    expect(api.done).toContain('set day {"limit":"4.00","window":"day","kind":"soft","unit":"USD"}');
    expect(api.done).toContain('set month {"limit":"60.00","window":"month","kind":"soft","unit":"USD"}');
    await settle(100);
    await press('start-limits', /Continue/);
    await press('start-tools', /Continue/);
    await press('start-service', /Keep it running/);
    await press('start-service', /Continue/);
    expect(steps()).toEqual({ logs: 'done', limits: 'done', tools: 'todo', service: 'done' });
    expect(textOf('start-end')).toContain('outlay run --max-cost 0.01');
  });

  it('has something to say to who has no logs and no tools', async () => {
    const api = new MemoryApi(empty);
    api.currentLogs = { sources: [] };
    api.currentTools = [];
    await showAt(api, '#/start');
    expect(steps()).toEqual({ logs: 'none', limits: 'todo', tools: 'none', service: 'todo' });
    expect(current()).toBe('start-limits');
    await press('start-logs', /Show/);
    expect(textOf('start-logs')).toContain('That is fine');
  });
});
