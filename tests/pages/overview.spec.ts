/** Overview: what was spent, what is left, and what asks for something. */

import { expect, test, type Page } from '@playwright/test';
import type { Status, Usage } from '../../ui/src/generated';
import { amountIn, exact, go, open, panel } from './dashboard';
import { ownHome } from './home';
import { expectFocusSeen, pressAt, tabTo } from './keyboard';

const home = ownHome('month');

/** The figures of a chart's table twin: the total of each row, and that of the foot. */
async function totals(page: Page, table: RegExp): Promise<{ rows: string[]; foot: string }> {
  const found = page.getByRole('table', { name: table });
  const rows = await found.locator('tbody tr td:nth-child(2) data').evaluateAll((cells) => cells.map((cell) => (cell as HTMLDataElement).value));
  const foot = await amountIn(found.locator('tfoot'));
  return { rows, foot };
}

test('figures, budgets and balances are those of the ledger', async ({ page }) => {
  await open(page, home.current);
  const status = await home.current.api<Status>('/status');
  expect(await amountIn(page.getByRole('region', { name: 'Today' }))).toBe(status.today.cost_usd);
  expect(await amountIn(page.getByRole('region', { name: 'November' }))).toBe(status.month.cost_usd);

  const budgets = panel(page, 'Budgets');
  for (const budget of status.budgets) {
    await expect(budgets.getByRole('meter', { name: `${budget.name} budget used` })).toHaveAttribute('aria-valuetext', `${budget.percent.toFixed(1)}%`);
  }
  await expect(budgets.getByRole('listitem').filter({ hasText: 'ci' })).toContainText('Refuses calls until');
  await expect(budgets).toContainText(/(used up|lasts until it resets|at this rate)/i);
  const balances = panel(page, 'Balances');
  for (const balance of status.balances) {
    expect(await amountIn(balances.getByRole('listitem').filter({ hasText: balance.account }))).toBe(balance.remaining);
  }
  await expect(balances).toContainText('at this rate');
  await budgets.getByRole('link', { name: 'search', exact: true }).click();
  await expect(page.getByRole('heading', { level: 2, name: 'search' })).toBeVisible();
});

test('the chart is stacked and read as a table, by mouse', async ({ page }) => {
  await open(page, home.current);
  const month = panel(page, 'Spend by day');
  await expect(month.getByRole('toolbar', { name: /^Models in the chart/ })).toBeVisible();
  await page.getByRole('group', { name: 'Stacked by' }).getByRole('button', { name: 'Project' }).click();
  const projects = month.getByRole('toolbar', { name: /^Projects in the chart/ });
  await expect(projects.getByRole('button', { name: 'billing' })).toBeVisible();
  await expect(panel(page, 'Spend by project').getByRole('listitem').first()).toContainText('search');
  await expect(page).toHaveURL(/#\/\?by=project$/);

  await projects.getByRole('button', { name: 'billing' }).click();
  await expect(projects.getByRole('button', { name: 'billing' })).toHaveAttribute('aria-pressed', 'false');
  await expect(month.getByRole('status')).toContainText('billing');
  await month.getByRole('button', { name: 'Show all' }).click();

  await page.getByRole('group', { name: 'Range' }).getByRole('button', { name: '7 days' }).click();
  await month.getByRole('group', { name: 'Spend by day: show as' }).getByRole('button', { name: 'Table' }).click();
  const { rows, foot } = await totals(page, /^Spend by day and project, 7 days/);
  expect(rows).toHaveLength(7);
  expect(rows.map(exact).reduce((sum, row) => sum + row, 0n)).toBe(exact(foot));
  const { total } = await home.current.api<Usage>('/usage?since=2026-11-15&until=2026-11-22&by=day&timezone=Europe/Berlin');
  expect(foot).toBe(total.cost_usd);
  // What was asked for stays when one comes back.
  await page.goBack();
  await page.goForward();
  await expect(page.getByRole('group', { name: 'Range' }).getByRole('button', { name: '7 days' })).toHaveAttribute('aria-pressed', 'true');
});

test('what needs attention leads to where it is done', async ({ page }) => {
  home.current.outlay('budget', 'set', 'tight', '--limit', '0.004', '--window', 'day', '--project', 'tight', '--soft');
  for (let call = 0; call < 2; call += 1) expect(await home.current.call({ 'x-outlay-project': 'tight' })).toBe(200);
  await open(page, home.current);
  const attention = panel(page, 'Needs attention');
  for (const [link, title] of [
    ['Raise or pause: Budget ci refuses calls', 'Budgets'],
    ['Set a price: house-7b-chat has no price', 'Prices'],
  ] as const) {
    await attention.getByRole('link', { name: link }).click();
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
    await page.goBack();
  }
  await attention.getByRole('link', { name: /^See alert: .*tight/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Alerts' })).toBeVisible();
});

test('the chart gives its values and leads to calls, by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('1');
  await pressAt(page, page.getByRole('group', { name: 'Stacked by' }).getByRole('button', { name: 'Project' }), 'Space');
  const parts = panel(page, 'Spend by day').getByRole('toolbar', { name: /^Projects in the chart/ });
  await tabTo(page, parts.getByRole('button').first());
  await page.keyboard.press('ArrowRight');
  await expect(parts.getByRole('button').nth(1)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(parts.getByRole('button').nth(1)).toHaveAttribute('aria-pressed', 'false');
  await page.keyboard.press('Enter');

  const days = page.getByRole('toolbar', { name: /^Days, oldest first/ });
  await tabTo(page, days.getByRole('link').last());
  await expect(days.getByRole('link').last()).toHaveAccessibleName(/21 Nov.*\d+ calls/);
  await page.keyboard.press('ArrowLeft');
  const before = days.getByRole('link').nth(-2);
  await expect(before).toBeFocused();
  await expectFocusSeen(page);
  await expect(before).toHaveAccessibleName(/20 Nov.*: \$\d/);
  await page.keyboard.press('Home');
  await expect(days.getByRole('link').first()).toBeFocused();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Calls' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Remove: From 21 Nov/ })).toBeVisible();
});

test('the help and the look are had with one key, and Escape gives the keyboard back', async ({ page }) => {
  await open(page, home.current);
  await tabTo(page, page.getByRole('button', { name: 'Keyboard shortcuts' }));
  await page.keyboard.press('Enter');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await expect(help).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();
  await expect(page.getByRole('button', { name: 'Keyboard shortcuts' })).toBeFocused();
  await page.keyboard.press('?');
  await expect(help).toBeVisible();
  await page.keyboard.press('?');
  await expect(help).toBeHidden();
  await page.keyboard.press('t');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.keyboard.press('e');
  await expect(page.getByRole('button', { name: 'Round amounts' })).toBeVisible();
  await page.keyboard.press('Home');
  await go(page, '');
  await tabTo(page, page.getByRole('link', { name: 'Skip to content' }), 'Shift+Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
});
