import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { byTestId, field, leave, MemoryApi, press, settle, showAt, submit, textOf, type } from '../fixtures/memory-api';
import { quiet } from '../fixtures/status';
import type { Price } from '../types';

afterEach(leave);

function price(model: string, parts: Partial<Price> = {}): Price {
  return {
    id: model,
    provider: 'openai',
    model,
    origin: 'list',
    rates: [
      { unit: 'input', usd: '0.25', per: 1_000_000, tiers: [] },
      { unit: 'output', usd: '2.00', per: 1_000_000, tiers: [{ above: 200_000, usd: '3.00', per: 1_000_000 }] },
      { unit: 'web_searches', usd: '10.00', per: 1_000, tiers: [] },
    ],
    ...parts,
  };
}

async function show(prices: Price[], hash = '#/prices'): Promise<MemoryApi> {
  const api = new MemoryApi(quiet);
  api.priceList.prices = prices;
  api.unpriced = { models: [{ provider: 'openai', model: 'gpt-9', calls: 4, last_used: '2026-11-21T16:30:00Z', nearest: 'gpt-5-mini' }] };
  await showAt(api, hash);
  return api;
}

const rows = () => [...document.querySelectorAll('[data-testid="price-row"] .model')].map((row) => row.textContent?.split(' ')[0]);

describe('prices', () => {
  it('show forty of many', async () => {
    await show(Array.from({ length: 121 }, (_, index) => price(`m-${index}`)));
    expect(rows()).toHaveLength(40);
    expect(textOf('prices')).toMatch(/121 models.*And 81 more\. Search to see them\./);
  });

  it('are searched once the typing rests; the address keeps it', async () => {
    const api = await show([price('gpt-5-mini'), price('claude-2')]);
    await type('prices', /^Search/, 'cla');
    await type('prices', /^Search/, 'claude');
    await settle(250);
    expect(rows()).toEqual(['claude-2']);
    expect(api.asked.filter((each) => each.startsWith('prices'))).toEqual(["prices ''", "prices 'claude'"]);
    expect(location.hash).toBe('#/prices?search=claude');
    await type('prices', /^Search/, 'zzz');
    await settle(250);
    expect(textOf('prices')).toContain('No model\'s name contains “zzz”.');
    await press('prices', /^Show all models/);
    await settle(250);
    expect(rows()).toHaveLength(2);
  });

  it('tell tiers and what is not counted in tokens', async () => {
    await show([price('gpt-5-mini')]);
    await press('prices-table', /gpt-5-mini/);
    expect(textOf('prices-table')).toMatch(/\$2\.00 per million tokens ?\$3\.00 per million tokens for prompts of more than 200,000 tokens/);
    expect(textOf('prices-table')).toMatch(/Web searches \$10\.00 per 1,000/);
    expect(textOf('prices-table')).toContain('From list 1 (prices up to 2026-11-01).');
  });

  it('are set anyway where a figure is far off', async () => {
    const api = await show([price('gpt-5-mini')]);
    await press('prices-table', /gpt-5-mini/);
    await press('prices-table', /^Set your own price/);
    expect(field('price-dialog', /^Output/).value).toBe('2');
    await type('price-dialog', /^Input/, '0.00025');
    api.failure = new ApiError('failed', "'input' is $0.00025 per million, the list says $0.25", 'unlikely_price');
    await submit('price-dialog');
    expect(textOf('price-dialog')).toContain('the list says $0.25');
    api.failure = null;
    await press('price-dialog', /^Set it anyway/);
    expect(api.done.at(-1)).toBe('price openai gpt-5-mini {"input":"0.00025","output":"2","force":true}');
    expect(textOf('prices-told')).toBe('Your price of gpt-5-mini counts from now on.');
  });

  it('cannot be set anyway where something else is wrong', async () => {
    const api = await show([price('gpt-5-mini')]);
    await press('prices-table', /gpt-5-mini/);
    await press('prices-table', /^Set your own price/);
    api.failure = new ApiError('failed', 'A thousand calls wait for the ledger.', 'ledger_busy');
    await submit('price-dialog');
    expect(textOf('price-dialog')).toContain('A thousand calls wait');
    expect(textOf('price-dialog')).not.toContain('Set it anyway');
  });

  it('go back to the list', async () => {
    const api = await show([price('gpt-5-mini', { origin: 'user', provider: '' })]);
    expect(textOf('price-row')).toContain('any provider');
    await press('prices-table', /gpt-5-mini/);
    await press('prices-table', /^Go back/);
    expect(api.done).toContain('list price  gpt-5-mini');
    expect(textOf('prices-told')).toContain("the list's counts from now on");
  });

  it('of models that were used without one begin with the nearest', async () => {
    const api = await show([price('gpt-5-mini')]);
    expect(textOf('unpriced')).toMatch(/gpt-9 openai 4 calls, the last 1 h ago\. Nearest on the list: gpt-5-mini/);
    await press('unpriced', /^Set price of gpt-9/);
    expect(textOf('price-dialog')).toContain('The figures are those of gpt-5-mini: check them.');
    await submit('price-dialog');
    expect(api.done).toContain('price openai gpt-9 {"input":"0.25","output":"2"}');
    expect(byTestId('price-dialog')).toBeNull();
  });
});
