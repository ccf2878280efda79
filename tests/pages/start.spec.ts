/** The guide of a first run, in a home in which tools have left logs: imported, limited, connected, kept running. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import type { Budgets, ServiceView, Suggestion, Usage } from '../../ui/src/generated';
import { expectAccessible } from './axe';
import { amountIn, go, open } from './dashboard';
import { ownHome, type Home } from './home';
import { expectFocusKept, pressAt, tabTo, typeAt } from './keyboard';
import { playSystemd } from './service';

const DAYS = 20;

/** A session a day in the last weeks, as Claude Code writes them: enough to suggest limits from. */
function logDays(home: Home): void {
  for (let day = 1; day <= DAYS; day += 1) {
    const date = `2026-11-${String(day).padStart(2, '0')}`;
    const lines = Array.from({ length: 1 + (day % 4) }, (_, call) => ({
      type: 'assistant',
      uuid: `00000000-0000-4000-8000-${date.replaceAll('-', '')}${String(call).padStart(4, '0')}`,
      sessionId: `10000000-0000-4000-8000-${date.replaceAll('-', '').padStart(12, '0')}`,
      cwd: '/home/dev/shop',
      gitBranch: 'main',
      version: '2.1.330',
      timestamp: `${date}T09:0${call}:00.000Z`,
      requestId: `req_${date}_${call}`,
      message: {
        id: `msg_${date}_${call}`,
        type: 'message',
        role: 'assistant',
        model: 'claude-sonnet-4-5',
        content: [],
        usage: { input_tokens: 90_000 + day * 1_000, cache_read_input_tokens: 400_000, cache_creation_input_tokens: 0, output_tokens: 12_000 },
      },
    }));
    home.write(`.claude/projects/-home-dev-shop/${lines[0]!.sessionId}.jsonl`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
}

/** Logs of weeks, and a service manager. */
async function prepare(home: Home): Promise<void> {
  logDays(home);
  await playSystemd(home);
}

const step = (page: Page, name: string) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { level: 2, name }) });
const month = (page: Page) => page.getByRole('region', { name: 'The last 30 days' });

test.describe('by mouse', () => {
  const home = ownHome('logs');
  test.beforeAll(() => prepare(home.current));

  test('the guide leads from logs to limits, tools and the service', async ({ page }) => {
    await open(page, home.current);
    await page.getByRole('region', { name: 'Welcome. Nothing has been spent yet.' }).getByRole('link', { name: 'Get started' }).click();
    const logs = step(page, 'See what you spent');
    await expect(logs).toHaveAttribute('aria-current', 'step');
    await expect(logs.getByRole('listitem').filter({ hasText: 'Claude Code' })).toContainText(/\d+ files/);
    await expectAccessible(page, 'the guide');

    // The import is held until its beginning was seen: a few files take no time.
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route('**/api/v1/imports', async (route) => {
      if (route.request().method() === 'POST') await held;
      await route.continue();
    });
    await logs.getByRole('button', { name: 'Import', exact: true }).click();
    await expect(logs.getByRole('progressbar', { name: 'Import' })).toBeVisible();
    release();
    await expect(logs.getByRole('status').filter({ hasText: /[\d,]+ new calls were imported/ })).toBeVisible();
    await expect(month(page)).toContainText(/in [\d,]+ calls over the last 30 days/);
    const { total } = await home.current.api<Usage>('/usage?since=2026-10-23&by=client&timezone=Europe/Berlin');
    expect(await amountIn(month(page))).toBe(total.cost_usd);
    for (const part of ['By tool', 'By model', 'By project']) await expect(month(page).getByRole('heading', { name: part })).toBeVisible();
    await expect(month(page)).toContainText('shop');
    await expectAccessible(page, 'the guide with a month');
    await logs.getByRole('button', { name: 'Continue' }).click();

    const limits = step(page, 'Set limits');
    await expect(limits).toHaveAttribute('aria-current', 'step');
    const suggested = await home.current.api<Suggestion>('/suggestion');
    expect(Number(suggested.day_usd)).toBeGreaterThan(0);
    await expect(limits).toContainText(`On nine in ten of the last ${suggested.days} days you stayed under`);
    await expect(limits.getByLabel('A day, in dollars')).toHaveValue(suggested.day_usd!);
    await expect(limits.getByLabel('A month, in dollars')).toHaveValue(suggested.month_usd!);
    await limits.getByLabel('A day, in dollars').fill('much');
    await limits.getByRole('button', { name: 'Set these limits' }).click();
    await expect(limits.getByRole('alert')).toHaveText('Write an amount, such as 5 or 2.50.');
    await limits.getByLabel('A day, in dollars').fill('4.50');
    await limits.getByRole('button', { name: 'Set these limits' }).click();
    await expect(limits.getByText(/^day \$4\.50 per day, refuses calls/)).toBeVisible();
    const { budgets } = await home.current.api<Budgets>('/budgets');
    expect(budgets.map(({ name, limit, kind }) => [name, Number(limit), kind])).toEqual([['day', 4.5, 'hard'], ['month', Number(suggested.month_usd), 'hard']]);
    await limits.getByRole('button', { name: 'Continue' }).click();

    const tools = step(page, 'Connect your tools');
    await tools.getByRole('button', { name: /^Connect all \d+…$/ }).click();
    const all = page.getByRole('dialog', { name: 'Connect all tools' });
    await expect(all.getByRole('region', { name: 'Codex', exact: true })).toContainText(home.current.address);
    await expectAccessible(page, 'all tools');
    await all.getByRole('button', { name: 'Write these changes' }).click();
    await expect(all.getByRole('region', { name: 'Codex', exact: true })).toContainText('Connected.');
    await all.getByRole('button', { name: 'Done' }).click();
    expect(home.current.read('.codex/config.toml')).toContain(home.current.address);
    expect(home.current.read('.claude/settings.json')).toContain(home.current.address);
    await tools.getByRole('button', { name: 'Continue' }).click();

    const service = step(page, 'Keep it running');
    await service.getByRole('button', { name: 'Keep it running' }).click();
    await expect(service.getByRole('button', { name: 'Remove the service' })).toBeVisible();
    const { file } = await home.current.api<ServiceView>('/service');
    expect(file).toContain(home.current.folder);
    expect(existsSync(file!)).toBe(true);
    await expectAccessible(page, 'the end of the guide');
    await page.getByRole('main').getByRole('link', { name: 'Overview' }).click();
    await expect(page.getByRole('region', { name: 'November' })).toContainText(/[\d,]+ calls/);
    // What is done stays done.
    await go(page, 'start');
    await expect(step(page, 'See what you spent')).toContainText('Done');
    // One that cannot be connected keeps nobody.
    await expect(step(page, 'Connect your tools').getByText('Cline has no provider')).toBeVisible();
    await expect(step(page, 'Connect your tools').getByRole('button', { name: 'Continue' })).toBeVisible();
  });
});

test.describe('by keyboard', () => {
  const home = ownHome('logs');
  test.beforeAll(() => prepare(home.current));

  test('the guide is gone through, and a step is skipped', async ({ page }) => {
    await open(page, home.current);
    await tabTo(page, page.getByRole('link', { name: 'Get started' }));
    await page.keyboard.press('Enter');
    await pressAt(page, step(page, 'See what you spent').getByRole('button', { name: 'Import', exact: true }), 'Enter');
    await expect(month(page)).toBeVisible();
    await expectFocusKept(page);
    await pressAt(page, page.getByRole('button', { name: 'Continue' }), 'Enter');
    await expect(page.getByRole('heading', { level: 2, name: 'Set limits' })).toBeFocused();
    await typeAt(page, page.getByLabel('A month, in dollars'), '80');
    await page.keyboard.press('Enter');
    await expect(step(page, 'Set limits').getByText('month $80.00 per month')).toBeVisible();
    await expectFocusKept(page);
    await pressAt(page, page.getByRole('button', { name: 'Continue' }), 'Enter');
    await expect(page.getByRole('heading', { level: 2, name: 'Connect your tools' })).toBeFocused();
    await pressAt(page, step(page, 'Connect your tools').getByRole('button', { name: 'Connect… Codex' }), 'Enter');
    const dialog = page.getByRole('dialog', { name: 'Connect Codex' });
    await pressAt(page, dialog.getByRole('button', { name: 'Write these changes' }), 'Enter');
    await pressAt(page, dialog.getByRole('button', { name: 'Done' }), 'Enter');
    await expect(dialog).toBeHidden();
    await expectFocusKept(page);
    expect(existsSync(join(home.current.folder, '.codex/config.toml'))).toBe(true);
    await pressAt(page, step(page, 'Connect your tools').getByRole('button', { name: 'Continue' }), 'Enter');
    await expect(page.getByRole('heading', { level: 2, name: 'Keep it running' })).toBeFocused();
    await pressAt(page, step(page, 'Keep it running').getByRole('button', { name: 'Skip' }), 'Enter');
    await expect(page.getByRole('heading', { level: 2, name: 'That is all' })).toBeFocused();
  });
});
