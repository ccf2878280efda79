/** What axe finds on every page, in every dialog and in what opens on a page; and what all pages have in common. */

import { expect, test, type Page } from '@playwright/test';
import type { CallPage } from '../../ui/src/generated';
import { expectAccessible, expectSound } from './axe';
import { go, open, PAGES, panel, PATHS, type PagePath } from './dashboard';
import { ownHome } from './home';

const home = ownHome('month');

test('axe finds nothing on any page, light and dark', async ({ page }) => {
  await open(page, home.current);
  for (const path of PATHS) {
    await go(page, path);
    await expectAccessible(page, `#/${path}`);
  }
});

test('axe finds nothing on any page in a narrow window', async ({ page }) => {
  await page.setViewportSize({ width: 380, height: 900 });
  await open(page, home.current);
  for (const path of PATHS.map((each) => (each === 'prices' ? 'prices?search=sonnet-4' : each))) {
    await go(page, path);
    await expectSound(page, `#/${path}`);
  }
});

/** What is opened on which page, and how. */
const OPENED: [what: string, path: string, how: (page: Page) => Promise<void>][] = [
  ['the help', '', (page) => press(page, 'Keyboard shortcuts')],
  ['the tables beside charts', '', async (page) => {
    await page.getByRole('group', { name: 'Spend by day: show as' }).getByRole('button', { name: 'Table' }).click();
    await page.getByRole('group', { name: 'Spend by model: show as' }).getByRole('button', { name: 'Table' }).click();
  }],
  ['what a column says', '', (page) => page.getByRole('toolbar', { name: /^Days/ }).getByRole('link').nth(-3).hover()],
  ['more filters', 'calls?status=refused&project=ci', (page) => press(page, /^Filter/)],
  ['a report by two', 'reports?by=day&and=model&range=own&from=2026-11-01&to=2026-11-21&compare=yes', (page) => expect(page.getByRole('table').first()).toBeVisible()],
  ['a written file', 'reports', async (page) => {
    await press(page, 'CSV');
    await expect(page.getByText('written to')).toBeVisible();
  }],
  ['a new budget, with what is wrong', 'budgets', async (page) => {
    await press(page, 'New budget');
    await press(page, 'Add a condition');
    await press(page, 'Make budget');
  }],
  ['plans', 'budgets', async (page) => {
    await press(page, 'Plans…');
    await expect(page.getByRole('button', { name: /^Use plan/ }).first()).toBeVisible();
  }],
  ['limits let go', 'budgets', (page) => press(page, 'Let everything through…')],
  ['one budget', 'budgets/search', (page) => expect(panel(page, 'History')).toBeVisible()],
  ['a raise', 'budgets/day', (page) => press(page, 'Raise…')],
  ['a pause', 'budgets/day', (page) => press(page, 'Pause…')],
  ['the end of a budget', 'budgets/day', (page) => press(page, 'Delete…')],
  ['a changed budget', 'budgets/search', (page) => press(page, 'Change…')],
  ['another account', 'balances', (page) => press(page, 'Add an account')],
  ['more credit', 'balances', (page) => press(page, 'Add credit to openai')],
  ['levels', 'balances', (page) => press(page, 'Levels of openai')],
  ['a price of one\'s own', 'prices', (page) => press(page, 'Set a price…')],
  ['the price of a model without one', 'prices', (page) => press(page, 'Set price of house-7b-chat')],
  ['what a model costs', 'prices?search=claude-sonnet-4-5', (page) => page.getByRole('rowheader').first().getByRole('button').click()],
  ['no model', 'prices?search=nothing-like-it', (page) => expect(page.getByText(/^No model/)).toBeVisible()],
  ['all alerts', 'alerts?show=all', (page) => press(page, 'Send a test')],
  ['a tool', 'tools', async (page) => {
    await press(page, /^Connect… Claude Code/);
    await expect(page.getByRole('button', { name: 'Write these changes' })).toBeVisible();
  }],
  ['ways of alerts', 'settings', async (page) => {
    await page.getByRole('checkbox', { name: 'Quiet hours' }).click();
    await press(page, 'Change webhooks…');
    await press(page, 'For some days');
    await expect(page.getByLabel('From')).toBeVisible();
  }],
];

const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' }).first().click();

for (const [half, opened] of [OPENED.slice(0, OPENED.length / 2), OPENED.slice(OPENED.length / 2)].entries()) {
  test(`axe finds nothing in what opens on a page, ${half + 1} of 2`, async ({ page }) => {
    // Found on this computer.
    home.current.write('.claude/settings.json', '{}\n');
    // All of a page is in view: what has gone half below the bar on top is too small a target just then.
    await page.setViewportSize({ width: 1280, height: 1900 });
    await open(page, home.current);
    for (const [what, path, how] of opened) {
      // Anew, from another page.
      await page.keyboard.press('Escape');
      await go(page, 'settings');
      await go(page, path);
      await how(page);
      await expectAccessible(page, `${what} on #/${path}`);
    }
  });
}

test('axe finds nothing on the page of a call, whatever became of it', async ({ page }) => {
  await open(page, home.current);
  for (const query of ['model=claude-sonnet-4-5', 'status=refused', 'model=house-7b-chat', 'project=ci&status=settled']) {
    const { rows: [call] } = await home.current.api<CallPage>(`/calls?${query}&limit=1`);
    await go(page, `calls/${call!.id}`);
    await expect(panel(page, 'Who and what')).toBeVisible();
    await expectAccessible(page, `a call with ${query}`);
  }
});

test('no page scrolls sideways, from 320 pixels on', async ({ page }) => {
  await open(page, home.current);
  for (const path of PATHS) {
    await go(page, path);
    for (const width of [320, 640, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth - innerWidth), { message: `#/${path} at ${width} px` }).toBeLessThanOrEqual(0);
    }
  }
});

test('every page has one title, is told in the window and is reached by its key', async ({ page }) => {
  await open(page, home.current);
  const keys = { '1': '', '2': 'calls', '3': 'reports', '4': 'alerts', '5': 'budgets', '6': 'balances', '7': 'prices', '8': 'tools', '9': 'settings' };
  for (const [key, path] of Object.entries(keys)) {
    await page.keyboard.press(key);
    const title = PAGES[path as PagePath];
    await expect(page.locator('h1')).toHaveText(title);
    await expect(page.locator('h1')).toBeFocused();
    await expect(page).toHaveTitle(`${title} · Outlay`);
    await expect(page.locator('h1')).toHaveCount(1);
  }
});

test('the console stays empty on every page', async ({ page }) => {
  const said: string[] = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  await open(page, home.current);
  for (const path of PATHS) await go(page, path);
  expect(said).toEqual([]);
});
