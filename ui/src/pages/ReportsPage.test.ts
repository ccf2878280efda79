import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { leave, MemoryApi, settle, showAt } from '../fixtures/memory-api';
import { usage, usageRow } from '../fixtures/usage';

afterEach(leave);

const textOf = (selector: string) => document.querySelector(selector)?.textContent?.replace(/\s+/g, ' ').trim() ?? '';
const rows = () => [...document.querySelectorAll('[data-testid="report-table"] tr[data-row]')].map((row) => row.textContent?.replace(/\s+/g, ' ').trim());
const button = (words: string) => [...document.querySelectorAll('button')].find((each) => each.textContent?.trim().startsWith(words));

async function press(words: string): Promise<void> {
  expect(button(words), words).toBeDefined();
  button(words)?.click();
  await settle();
}

async function choose(label: string, value: string): Promise<void> {
  const field = [...document.querySelectorAll('label')].find((each) => each.textContent === label);
  const select = document.getElementById(field?.getAttribute('for') ?? '') as HTMLSelectElement;
  select.value = value;
  select.dispatchEvent(new Event('change', { bubbles: true }));
  await settle();
}

describe('reports', () => {
  it('show the last 30 days by model, dearest first, with shares and a total', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/reports');
    expect(api.asked).toContain('usage model 2026-10-23 2026-11-22');
    expect(textOf('[data-testid="report"]')).toContain('$41.73');
    expect(rows()[0]).toMatch(/^claude-sonnet-4-5-20250929 ?\$18\.40 ?44% ?980/);
    expect(rows()).toHaveLength(9);
    expect(textOf('tfoot')).toMatch(/^Total ?\$41\.73/);
  });

  it('keep what was chosen in the address, and ask again', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/reports');
    await choose('Rows by', 'day');
    await choose('and by', 'model');
    await choose('Range', 'last-month');
    expect(location.hash).toBe('#/reports?by=day&and=model&range=last-month');
    expect(api.asked.at(-1)).toBe('usage by two day+model 2026-10-01 2026-11-01');
    expect(document.querySelectorAll('[data-testid="report"] .slot')).toHaveLength(31);
    await choose('Range', 'own');
    expect(location.hash).toContain('range=own&from=2026-10-01&to=2026-10-31');
  });

  it('sort by a column without asking anew', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/reports');
    const asked = api.asked.length;
    await press('Calls');
    const heading = () => document.querySelector('th[aria-sort]');
    expect([heading()?.textContent?.trim(), heading()?.getAttribute('aria-sort')]).toEqual(['Calls↓', 'descending']);
    await press('Calls');
    expect(heading()?.getAttribute('aria-sort')).toBe('ascending');
    expect(rows()[0]).toMatch(/^mistral-small/);
    expect(location.hash).toBe('#/reports?sort=calls&order=up');
    expect(api.asked).toHaveLength(asked);
  });

  it('compare with the period before; what is gone stands there too', async () => {
    const api = new MemoryApi();
    api.usageOf = ({ since }) =>
      since === '2026-10-23'
        ? usage([usageRow('a', 3, '3.00'), usageRow('b', 1, null)], 'model')
        : usage([usageRow('a', 2, '2.00'), usageRow('c', 1, '0.50')], 'model');
    await showAt(api, '#/reports?compare=yes');
    expect(api.asked).toContain('usage model 2026-09-23 2026-10-23');
    expect(rows().map((row) => row?.charAt(0))).toEqual(['a', 'c', 'b']);
    expect(rows()[0]).toMatch(/\$2\.00 ?\+\$1\.00 \+50%/);
    expect(rows()[1]).toMatch(/\$0\.50 ?−\$0\.50 gone/);
    expect(rows()[2]).toMatch(/^b ?— ?\$0\.00 ?—/);
    expect(textOf('[data-testid="report"]')).toContain('1 call without a price not in this sum');
  });

  it('show the first rows of many, all of them when asked', async () => {
    const api = new MemoryApi();
    api.usageOf = () => usage(Array.from({ length: 600 }, (_, index) => usageRow(`s${index}`, 1, '0.01')), 'session');
    await showAt(api, '#/reports?by=session');
    expect(rows()).toHaveLength(200);
    expect(textOf('.rest')).toContain('The first 200 of 600 rows');
    await press('Show all');
    // Drawn are those in view; the rest has its room.
    const table = document.querySelector<HTMLElement>('[data-testid="report-table"]');
    expect(table?.getAttribute('aria-rowcount')).toBe('602');
    expect(rows().length).toBeLessThan(200);
    expect(document.querySelector('.rest')).toBeNull();
    const below = table?.querySelector<HTMLElement>('.room td');
    expect(Number.parseFloat(below?.style.height ?? '')).toBe((600 - rows().length) * 36);
  });

  it('say that there is nothing, or why not', async () => {
    const api = new MemoryApi();
    api.usageOf = () => usage([], 'model');
    await showAt(api, '#/reports');
    expect(textOf('[data-testid="report"]')).toContain('Choose a longer range');
    api.failing = { usage: new ApiError('failed', 'The ledger is busy.') };
    await choose('Rows by', 'project');
    expect(textOf('[data-testid="report"]')).toContain('could not be loaded. The ledger is busy.');
  });

  it('write the calls into a file and say where', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/reports?range=last-month');
    await press('CSV');
    expect(api.done).toContain('export csv 2026-10-01 2026-11-01');
    expect(textOf('[data-testid="exported"]')).toMatch(/^2,310 calls of October 2026 written to \/home\/ada\/Downloads\/outlay\.csv/);
    api.failure = new ApiError('failed', 'The disk is full.');
    await press('JSON');
    expect(textOf('[data-testid="export-problem"]')).toBe('No file was written. The disk is full.');
  });
});

describe('the chart', () => {
  it('hides a series and says so; the total stays true', async () => {
    await showAt(new MemoryApi(), '#/reports?by=day&and=model');
    const key = document.querySelector<HTMLElement>('.keys button')!;
    key.click();
    await settle();
    expect(key.getAttribute('aria-pressed')).toBe('false');
    expect(textOf('.hidden')).toContain('Hidden: claude-sonnet-4-5, $36.14. Totals still count it.');
    document.querySelectorAll<HTMLElement>('.slot')[29]?.focus();
    await settle();
    expect(textOf('.tooltip')).toMatch(/\$2\.18.*claude-sonnet-4-5 \$1\.31/);
    await press('Show all');
    expect(textOf('.hidden')).toBe('');
  });

  it('is walked through by arrow keys, a column at a time', async () => {
    await showAt(new MemoryApi(), '#/reports?by=day&and=model');
    const slots = [...document.querySelectorAll<HTMLElement>('.slot')];
    expect(slots.filter((slot) => slot.tabIndex === 0)).toEqual([slots[29]]);
    slots[29]?.focus();
    const key = (name: string) => document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
    key('ArrowLeft');
    await settle();
    expect(document.activeElement).toBe(slots[28]);
    expect(slots[28]?.getAttribute('aria-label')).toMatch(/\$3\.411, \d+ calls, claude-sonnet-4-5 \$2\.05, gpt-5\.1 \$1\.02, gpt-5-mini \$0\.341/);
    key('Escape');
    await settle();
    expect(document.querySelector('.tooltip')).toBeNull();
  });
});
