/** Every page enlarged, at rest, in the system's own colours, and with the keyboard alone. */

import { expect, test } from '@playwright/test';
import { go, open, PATHS } from './dashboard';
import { ownHome } from './home';
import { expectFocusSeen } from './keyboard';

const home = ownHome('month');

test.describe('enlarged to 200 %', () => {
  // A window of 1280 by 800 pixels, of which each of the page's is two.
  test.use({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });

  test('everything stays in reach, and nothing covers what has the keyboard', async ({ page }) => {
    await open(page, home.current);
    for (const path of PATHS) {
      await go(page, path);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `#/${path}`).toBeLessThanOrEqual(0);
      await page.getByRole('heading', { level: 1 }).focus();
      for (let stop = 0; stop < 12; stop += 1) {
        await page.keyboard.press('Tab');
        const covered = await page.evaluate(() => {
          const at = document.activeElement;
          if (!(at instanceof HTMLElement) || at === document.body || at.getBoundingClientRect().height > innerHeight / 2) return null;
          const { left, top, width, height } = at.getBoundingClientRect();
          const over = document.elementFromPoint(left + width / 2, top + height / 2);
          const isSeen = over !== null && (at.contains(over) || over.contains(at) || over.closest('label')?.contains(at) || getComputedStyle(at, '::after').position === 'absolute');
          return isSeen ? null : `${at.outerHTML.slice(0, 120)} under ${over?.outerHTML.slice(0, 80)}`;
        });
        expect(covered, `#/${path}, stop ${stop}`).toBeNull();
      }
    }
    await go(page, 'budgets');
    await page.getByRole('button', { name: 'New budget' }).click();
    await page.getByRole('button', { name: 'Make budget' }).scrollIntoViewIfNeeded();
    await expect(page.getByRole('button', { name: 'Make budget' })).toBeInViewport();
  });
});

test('nothing moves where motion is not wanted', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, home.current);
  for (const path of PATHS) {
    await go(page, path);
    await page.getByRole('button', { name: 'Refresh' }).hover();
    const moving = () => page.evaluate(() => document.getAnimations().filter((each) => each.playState === 'running').map((each) => String((each.effect as KeyframeEffect).target?.className)));
    expect(await moving(), `#/${path}`).toEqual([]);
    const slow = await page.evaluate(() =>
      [...document.querySelectorAll('*')].filter((each) => getComputedStyle(each).transitionDuration.split(', ').some((time) => parseFloat(time) > 0.01)).map((each) => each.outerHTML.slice(0, 80)),
    );
    expect(slow, `#/${path}`).toEqual([]);
  }
});

test('in the system\'s own colours focus, bars and states are still told', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await open(page, home.current);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expectFocusSeen(page);
  for (const path of ['', 'budgets', 'balances', 'reports']) {
    await go(page, path);
    // What is drawn with a background alone would be gone.
    const gone = await page.evaluate(() => {
      const plain = getComputedStyle(document.body).backgroundColor;
      const told = '[role="meter"] > .used, [role="img"] > .sure, [role="group"] > [aria-pressed="true"], [aria-current="page"]';
      return [...document.querySelectorAll<HTMLElement>(told)].filter((each) => each.offsetWidth > 1 && getComputedStyle(each).backgroundColor === plain).map((each) => each.outerHTML);
    });
    expect(gone, `#/${path}`).toEqual([]);
  }
});

test('each page is walked through with Tab, and each stop is seen', async ({ page }) => {
  await open(page, home.current);
  // Of a hundred prices a few tell the same.
  for (const path of PATHS.map((each) => (each === 'prices' ? 'prices?search=sonnet-4' : each))) {
    await go(page, path);
    await page.getByRole('heading', { level: 1 }).focus();
    const stops = new Set<string>();
    for (let press = 0; press < 200; press += 1) {
      await page.keyboard.press('Tab');
      const at = await expectFocusSeen(page);
      if (at === null) break;
      stops.add(at);
    }
    expect(stops.size, `#/${path}`).toBeGreaterThan(5);
  }
});
