/** Nobody answers an open page: it says so, keeps what it knows, and goes on when somebody does again. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import type { Budgets } from '../../ui/src/generated';
import { expectAccessible } from './axe';
import { amountIn, go, open } from './dashboard';
import { ownHome } from './home';

const home = ownHome('month');

const API = '**/api/**';
const stale = (page: Page) => page.getByRole('status').filter({ hasText: 'The figures below are from the last answer.' });

test('a page that is cut off says so, and recovers by itself', async ({ page }) => {
  await open(page, home.current);
  const today = () => amountIn(page.getByRole('region', { name: 'Today' }));
  const before = await today();
  await page.route(API, (route) => route.abort('connectionrefused'));
  await expect(stale(page)).toContainText('Outlay does not answer. Start it with outlay serve.');
  await expect(page.getByText('Not connected')).toBeVisible();
  expect(await today(), 'what was known stays').toBe(before);
  await expectAccessible(page, 'a page that is cut off');

  // A page that has nothing to show yet says why.
  await go(page, 'reports');
  await expect(page.getByText(/could not be loaded\. Outlay does not answer/)).toBeVisible();
  await go(page, 'calls');
  await expect(page.getByText(/^The calls could not be loaded\. Outlay does not answer/)).toBeVisible();
  expect(await home.current.call({ 'x-outlay-project': 'meanwhile' })).toBe(200);
  await page.unroute(API);
  await expect(stale(page)).toBeHidden();
  await expect(page.getByText('Not connected')).toBeHidden();
  await expect(page.getByRole('grid').getByRole('row').nth(1)).toContainText('meanwhile');
  await expect(page.getByText(/could not be loaded/)).toBeHidden();
});

test('what is asked for while the proxy is away is not done, and said so', async ({ page }) => {
  await open(page, home.current, 'budgets/ci');
  await page.getByRole('button', { name: 'Pause…' }).click();
  await home.current.stop();
  await page.getByRole('button', { name: '1 hour' }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'Outlay does not answer' })).toBeVisible();
  await expect(stale(page)).toBeVisible();

  await home.current.serve();
  const { budgets } = await home.current.api<Budgets>('/budgets');
  expect(budgets.find(({ name }) => name === 'ci')?.state).toBe('blocked');
  // The login outlives the process, but not its token.
  await page.keyboard.press('r');
  await expect(stale(page)).toBeHidden();
  await home.current.stop();
  rmSync(join(home.current.folder, 'data', 'token'));
  await home.current.serve();
  await page.keyboard.press('r');
  await expect(page.getByText('Your login has ended.')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Open your dashboard from a terminal' })).toBeVisible();
  await expectAccessible(page, 'a page whose login has ended');
  await open(page, home.current, 'budgets/ci');
  await expect(page.getByRole('button', { name: 'Pause…' })).toBeVisible();
});

test('who is not signed in is told how to be', async ({ page }) => {
  await page.goto(`http://${home.current.address}/`);
  await expect(page.getByRole('heading', { name: 'Open your dashboard from a terminal' })).toBeVisible();
  await expectAccessible(page, 'a page without a login');
  await page.goto(`http://${home.current.address}/#code=spent`);
  await expect(page.getByText('That login link was used before or is older than a minute.')).toBeVisible();
});
