/** Alerts: narrowed, marked as seen, acted on, and tried. */

import { expect, test, type Page } from '@playwright/test';
import type { Alerts, Budgets } from '../../ui/src/generated';
import { open } from './dashboard';
import { ownHome } from './home';
import { expectFocusKept, pressAt, tabTo } from './keyboard';

const home = ownHome('month');

const items = (page: Page) => page.getByTestId('alert');
const severity = (page: Page) => page.getByRole('combobox', { name: 'How much it matters' });
const about = (page: Page) => page.getByRole('combobox', { name: 'What it is about' });
const told = (page: Page, words: string | RegExp) => expect(page.getByRole('status').filter({ hasText: words })).toBeVisible();

async function alerts() {
  return (await home.current.api<Alerts>('/alerts?limit=200')).alerts;
}

async function openOnes() {
  return (await alerts()).filter((alert) => alert.acknowledged_at === null && alert.severity !== 'info');
}

test('alerts are narrowed to what one looks for', async ({ page }) => {
  await open(page, home.current, 'alerts');
  const all = await alerts();
  const waiting = await openOnes();
  await expect(page.getByText(`${waiting.length} of ${all.length}`)).toBeVisible();
  await page.getByRole('group', { name: 'Which alerts to show' }).getByRole('button', { name: 'All' }).click();
  await expect(page.getByText(`${all.length} of ${all.length}`)).toBeVisible();
  await severity(page).selectOption({ label: 'Warning' });
  const warnings = all.filter((alert) => alert.severity === 'warning').length;
  await expect(page.getByText(`${warnings} of ${all.length}`)).toBeVisible();
  await about(page).selectOption({ label: 'Model without a price' });
  await expect(items(page)).toHaveCount(all.filter((alert) => alert.kind === 'unpriced_model' && alert.severity === 'warning').length);
  await expect(items(page).first()).toContainText('house-7b-chat');
  await page.reload();
  await expect(about(page)).toHaveValue('unpriced_model');
  await severity(page).selectOption({ label: 'Critical' });
  await expect(page.getByText('No alert is like this.')).toBeVisible();
  await page.getByRole('button', { name: 'Show every kind' }).click();
  await expect(page.getByText(`${all.length} of ${all.length}`)).toBeVisible();
});

test('an alert that a limit refuses lets more through', async ({ page }) => {
  await open(page, home.current, 'alerts');
  const refused = items(page).filter({ hasText: 'ci' }).filter({ has: page.getByRole('button', { name: /^Allow / }) }).first();
  await refused.getByRole('button', { name: /^Allow / }).click();
  await told(page, /ci/);
  const { budgets } = await home.current.api<Budgets>('/budgets');
  expect(Number(budgets.find((budget) => budget.name === 'ci')?.limit)).toBeGreaterThan(0.004);
  expect(await home.current.call({ 'x-outlay-project': 'ci' })).toBe(200);
});

test('alerts are marked as seen, one and all', async ({ page }) => {
  await open(page, home.current, 'alerts');
  const before = await openOnes();
  const first = items(page).first();
  const title = (await first.locator('strong').innerText()).trim();
  await first.getByRole('button', { name: `Seen: ${title}` }).click();
  await told(page, `Seen: ${title}.`);
  await expect(items(page)).toHaveCount(before.length - 1);
  expect(await openOnes()).toHaveLength(before.length - 1);
  await expect(page.getByRole('button', { name: new RegExp(`^${before.length - 1} alerts? to look at`) })).toBeVisible();
  await page.getByRole('button', { name: 'Mark all as seen' }).click();
  await told(page, 'All alerts are marked as seen.');
  await expect(page.getByText(/^Nothing to look at\./)).toBeVisible();
  expect(await openOnes()).toEqual([]);
  await page.getByRole('button', { name: 'Show all' }).click();
  await expect(items(page).filter({ hasText: title }).first()).toContainText(/Seen /);
});

test('a test goes every way that is set, and says how', async ({ page }) => {
  await open(page, home.current, 'alerts');
  await page.getByRole('button', { name: 'Send a test' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'The test could not be sent.' })).toContainText('nothing is set');
  await home.current.api('/settings', 'PATCH', { notifications: { command: `cat > '${home.current.folder}/told'` } });
  await page.getByRole('button', { name: 'Send a test' }).click();
  await expect(page.getByRole('listitem').filter({ hasText: 'Command arrived' })).toBeVisible();
  expect(home.current.read('told')).toContain('asked for by: the dashboard');
  await page.getByRole('button', { name: 'Hide the result' }).click();
  await expect(page.getByRole('heading', { level: 2 })).toBeFocused();
});

test('alerts are narrowed, seen and tried by keyboard', async ({ page }) => {
  for (const project of ['one', 'two']) {
    home.current.outlay('budget', 'set', project, '--limit', '0.002', '--window', 'day', '--project', project, '--soft');
    expect(await home.current.call({ 'x-outlay-project': project })).toBe(200);
  }
  await expect.poll(async () => (await openOnes()).length).toBeGreaterThan(1);
  await open(page, home.current);
  await tabTo(page, page.getByTestId('bell'));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Alerts' })).toBeFocused();
  const count = await items(page).count();
  await pressAt(page, items(page).first().getByRole('button', { name: /^Seen: / }), 'Enter');
  await expect(items(page)).toHaveCount(count - 1);
  // On to the next one.
  await expect(items(page).first().getByRole('button', { name: /^Seen: / })).toBeFocused();
  await tabTo(page, page.getByRole('button', { name: 'Send a test' }), 'Shift+Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Hide the result' })).toBeVisible();
  await expectFocusKept(page);
  await pressAt(page, page.getByRole('button', { name: 'Hide the result' }), 'Enter');
  await tabTo(page, severity(page));
  await page.keyboard.type('Info');
  await expect(severity(page)).toHaveValue('info');
});
