import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { callDetail, refusedDetail, unpricedDetail } from '../fixtures/calldetail';
import { call, calls } from '../fixtures/calls';
import { byTestId, key, leave, MemoryApi, press, settle, showAt, textOf } from '../fixtures/memory-api';

afterEach(leave);

const rows = () => [...document.querySelectorAll<HTMLElement>('[data-testid="call-row"]')];

describe('the list of calls', () => {
  it('is filtered by its address, each part of which can be taken away', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/calls?status=refused');
    expect(rows().map((row) => row.dataset.status)).toEqual(['refused']);
    expect(textOf('call-count')).toBe('1 call');
    byTestId('chip-status')?.click();
    await settle();
    expect(location.hash).toBe('#/calls');
    expect(textOf('call-count')).toBe('10 calls');
    expect(byTestId('call-grid')?.getAttribute('aria-rowcount')).toBe('11');
    expect(rows()[0]?.getAttribute('aria-rowindex')).toBe('2');
  });

  it('shows an unknown cost as a dash and a free call as zero', async () => {
    await showAt(new MemoryApi(), '#/calls');
    const costs = Object.fromEntries(rows().map((row) => [row.dataset.id?.slice(-2), row.querySelector('[data-testid="call-cost"]')?.textContent?.trim()]));
    expect(costs).toMatchObject({ '01': '$0.0338', '02': '—', '04': '—', '06': '—', '09': '$0.00' });
  });

  it('is gone through with the keyboard, and opens a call', async () => {
    await showAt(new MemoryApi(), '#/calls');
    rows()[0]?.focus();
    await key('ArrowDown');
    expect((document.activeElement as HTMLElement).dataset.id).toBe(calls[1]!.id);
    expect(rows().filter((row) => row.tabIndex === 0)).toHaveLength(1);
    await key('End');
    expect((document.activeElement as HTMLElement).dataset.id).toBe(calls[9]!.id);
    await key('Home');
    await key('ArrowDown');
    await key('Enter');
    expect(location.hash).toBe(`#/calls/${calls[1]!.id}`);
    expect(byTestId('call-detail')).not.toBeNull();
    expect([...document.querySelectorAll('nav[aria-label="Calls"] a')].map((each) => each.textContent?.trim())).toEqual(['All calls', 'Newer', 'Older']);
  });

  it('gets new calls on top', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/calls');
    api.listed = [call({ id: 'new', time: '2026-11-21T17:30:02Z' }), ...calls];
    api.revision = 2;
    await settle(4_000);
    await settle(100);
    expect(rows()[0]?.dataset.id).toBe('new');
    expect(rows()).toHaveLength(11);
  });

  it('says what to do where nothing matches, nothing is there, or nothing answers', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/calls?status=waiting');
    expect(textOf('calls-empty')).toContain('No call matches this filter.');
    api.listed = [];
    await press('calls-empty', /Show all/);
    expect(textOf('calls-empty')).toContain('outlay run -- claude');
    api.failing = { calls: new ApiError('failed', 'The ledger is busy.') };
    api.revision = 2;
    await settle(5_000);
    expect(textOf('calls-problem')).toContain('The ledger is busy.');
  });
});

describe('a call', () => {
  it('shows its arithmetic to the last digit', async () => {
    await showAt(new MemoryApi(), `#/calls/${callDetail.id}`);
    expect(textOf('call-amount')).toBe('$0.0337746');
    expect(textOf('call-cost-detail')).toContain('What the provider says was used, multiplied by');
    expect(textOf('call-lines')).toMatch(/Cache read48,112× \$0\.30 per million= \$0\.0144336.*Total\$0\.0337746/);
    expect(textOf('call-budgets')).toMatch(/most it could be billed was \$0\.4301.*day.*\$0\.4301\$0\.0337746/);
    expect(textOf('call-logs')).toContain('found by the id of the answer; counted once');
  });

  it('leads to its price where it has none', async () => {
    await showAt(new MemoryApi(), `#/calls/${unpricedDetail.id}`);
    expect(textOf('call-cost-detail')).toContain('Its cost is unknown');
    expect(byTestId('call-cost-detail')?.querySelector('a')?.getAttribute('href')).toBe('#/prices?search=house-model-7b');
    expect(textOf('call-detail')).toContain('—');
  });

  it('says why it was refused, once for as long as it stays the same', async () => {
    const api = new MemoryApi();
    await showAt(api, `#/calls/${refusedDetail.id}`);
    expect(textOf('why')).toMatch(/could not pay for it.*day per day, all calls\$5\.00\$4\.98\$0\.00\$0\.12has too little left.*2,000,000 tokens/);
    api.revision = 2;
    await settle(5_000);
    expect(api.asked.filter((each) => each.startsWith('why'))).toEqual(['why 02']);
    expect(textOf('call-cost-detail')).toContain('costs nothing');
  });
});
