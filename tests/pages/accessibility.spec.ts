import AxeBuilder from '@axe-core/playwright';
import { expect, test } from '@playwright/test';
import { go, open, PAGES, settled } from './dashboard';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

for (const theme of ['light', 'dark'] as const) {
  for (const width of [1280, 380]) {
    test(`axe finds nothing on any page, ${theme}, ${width} px wide`, async ({ page }) => {
      test.setTimeout(240_000);
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      await open(page);
      for (const path of Object.keys(PAGES)) {
        await go(page, path);
        await settled(page);
        const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
        const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.target.join(' ')) }));
        expect(found, `on #/${path}`).toEqual([]);
      }
    });
  }
}

test('no page scrolls sideways, from 320 pixels on', async ({ page }) => {
  await open(page);
  for (const width of [320, 640, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of Object.keys(PAGES)) {
      await go(page, path);
      await settled(page);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(over, `#/${path} at ${width} px`).toBeLessThanOrEqual(0);
    }
  }
});

test('every page has one title, is told in the window and is reached by its key', async ({ page }) => {
  await open(page);
  const keys = { '1': '', '2': 'calls', '3': 'reports', '4': 'alerts', '5': 'budgets', '6': 'balances', '7': 'prices', '8': 'tools', '9': 'settings' };
  for (const [key, path] of Object.entries(keys)) {
    await page.keyboard.press(key);
    const title = PAGES[path as keyof typeof PAGES];
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
  await open(page);
  for (const path of Object.keys(PAGES)) {
    await go(page, path);
    await settled(page);
  }
  expect(said).toEqual([]);
});
