/** The proxy is away while a page is open: it says so, keeps what it knows, and goes on when it is back. */

import { expect, test, type Page } from '@playwright/test';
import { amountIn, go, open } from './dashboard';
import { expectAccessible } from './axe';
import { ownHome } from './home';

const home = ownHome('month');

const stale = (page: Page) => page.getByRole('status').filter({ hasText: 'The figures below are from the last answer.' });

test('an open page says that nobody answers, and recovers by itself', async ({ page }) => {
  await open(page, home.current);
  const today = () => amountIn(page.getByRole('region', { name: 'Today' }));
  const before = await today();
  await home.current.stop();
  await expect(stale(page)).toContainText('Outlay does not answer. Start it with outlay serve.');
  await expect(page.getByText('Not connected')).toBeVisible();
  expect(await today(), 'what was known stays').toBe(before);
  await expectAccessible(page, 'a page without its proxy');

  // A page that has nothing to show yet says why, and what was asked for is not done.
  await go(page, 'reports');
  await expect(page.getByText(/could not be loaded\. Outlay does not answer/)).toBeVisible();
  await go(page, 'budgets/ci');
  await page.getByRole('button', { name: 'Pause…' }).click();
  await page.getByRole('button', { name: '1 hour' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'Outlay does not answer' })).toBeVisible();

  await home.current.serve();
  await expect(stale(page)).toBeHidden({ timeout: 30_000 });
  await expect(page.getByText('Not connected')).toBeHidden();
  await go(page, 'reports');
  await expect(page.getByRole('table').first()).toBeVisible();
});

test('a page opened meanwhile waits for it, and a change is seen when it is back', async ({ page }) => {
  await open(page, home.current, 'calls');
  await home.current.stop();
  await expect(stale(page)).toBeVisible();
  await page.keyboard.press('r');
  await expect(page.getByText('Not connected')).toBeVisible();
  await home.current.serve();
  expect(await home.current.call({ 'x-outlay-project': 'after' })).toBe(200);
  await expect(page.getByRole('grid').getByRole('row').nth(1)).toContainText('after', { timeout: 30_000 });
});

test('who is not signed in is told how to be', async ({ page }) => {
  await page.goto(`http://${home.current.address}/`);
  await expect(page.getByRole('heading', { name: 'Open your dashboard from a terminal' })).toBeVisible();
  await expectAccessible(page, 'a page without a login');
  await page.goto(`http://${home.current.address}/#code=spent`);
  await page.reload();
  await expect(page.getByText('Open your dashboard from a terminal')).toBeVisible();
});
