import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { byTestId, leave, MemoryApi, nothingYet, press, showAt, textOf } from '../fixtures/memory-api';
import { empty } from '../fixtures/status';

afterEach(leave);

describe('the overview', () => {
  it('shows spend, budgets, credit, charts and calls', async () => {
    await showAt(new MemoryApi());
    expect(textOf('today-cost')).toBe('$2.18');
    expect(byTestId('today-cost')?.getAttribute('value')).toBe('2.184021');
    expect(textOf('month-cost')).toBe('$41.73');
    expect(byTestId('budget-day')?.dataset.state).toBe('ok');
    expect(textOf('budget-day')).toMatch(/\$2\.18 of \$5\.00 49\.9% \$2\.51 left, resets/);
    expect(textOf('balance-anthropic')).toMatch(/\$12\.40 Not known when it will be empty/);
    expect(byTestId('banner')).toBeNull();
    expect(document.querySelectorAll('[data-testid="chart-days"] .slot')).toHaveLength(30);
    expect(document.querySelectorAll('[data-testid="call-row"]')).toHaveLength(8);
  });

  it('has every chart as a table with exact amounts', async () => {
    await showAt(new MemoryApi());
    await press('chart-days', /^Table$/);
    await press('chart-models', /^Table$/);
    expect(textOf('table-days')).toMatch(/21 ?\$2\.184021 ?399 ?\$1\.3104126 ?\$0\.6552063 ?\$0\.2184021/);
    expect(textOf('table-days')).toContain('$60.228286');
    expect(byTestId('table-models')?.querySelectorAll('tbody tr')).toHaveLength(3);
  });

  it('lets one part fail alone', async () => {
    const api = new MemoryApi();
    api.failing = { 'usage by two': new ApiError('failed', 'The ledger is busy.') };
    await showAt(api);
    expect(textOf('chart-days')).toContain('This could not be loaded. The ledger is busy.');
    expect(textOf('changes')).toContain('As much as in the 7 days before.');
  });

  it('says how to begin where there is nothing yet', async () => {
    await showAt(nothingYet(empty));
    expect(textOf('today-cost')).toBe('$0.00');
    expect(byTestId('first-run')?.querySelector('a')?.getAttribute('href')).toBe('#/start');
    expect(byTestId('attention')).toBeNull();
    expect(byTestId('calls')).toBeNull();
  });
});
