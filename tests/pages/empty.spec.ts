/** Every page in a home in which nothing has happened yet: it says what it is for, and what to do first. */

import { expect, test } from '@playwright/test';
import { expectAccessible } from './axe';
import { go, open, PATHS, type PagePath } from './dashboard';
import { ownHome } from './home';
import { pressAt } from './keyboard';

const home = ownHome('bare');

const WORDS: Record<PagePath, (string | RegExp)[]> = {
  '': ['Welcome. Nothing has been spent yet.', 'Get started', 'See the tools on this computer'],
  calls: ['No call yet. Start a tool through Outlay', 'import their logs'],
  reports: [/^No calls in .*2026\. Choose a longer range, or another one\.$/],
  alerts: ['No alerts yet.', 'Send a test to see whether they reach you.'],
  budgets: ['No budget yet, so nothing is refused.', 'Begin with a plan'],
  balances: ['No account yet. Type what a provider says is left'],
  prices: ['US dollars per million tokens'],
  tools: ['None was found whose settings Outlay can write.', 'were found on this computer'],
  settings: ['Notifications', 'Keep calls'],
  start: ['Four steps, each of which can be skipped and done later.', 'no logs found'],
};

for (const width of [1280, 380]) {
  test(`each page says what it is for, ${width} px wide`, async ({ page }) => {
    await page.setViewportSize({ width, height: 900 });
    await open(page, home.current);
    for (const path of PATHS) {
      await go(page, path);
      for (const words of WORDS[path]) await expect(page.getByRole('main').getByText(words).filter({ visible: true }).first(), `#/${path}`).toBeVisible();
      if (width === 1280) await expectAccessible(page, `#/${path}`);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `#/${path}`).toBeLessThanOrEqual(0);
    }
  });
}

test('a first budget comes from a plan, a first account from its form', async ({ page }) => {
  await open(page, home.current, 'budgets');
  await page.getByRole('button', { name: 'Use plan solo' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Plan solo is in use.' })).toBeVisible();
  await expect(page.getByRole('heading', { name: 'Limits, by plan solo' })).toBeVisible();
  expect(home.current.outlay('budget', 'list')).toContain('day');

  await go(page, 'balances');
  await page.getByLabel('Account').fill('openai');
  await page.getByLabel('What its page says is left').fill('20');
  await pressAt(page, page.getByRole('button', { name: 'Save' }), 'Enter');
  await expect(page.getByRole('region', { name: 'openai' })).toContainText('$20.00');
  await go(page, '');
  await expect(page.getByRole('region', { name: 'Budgets' })).toContainText('day');
});
