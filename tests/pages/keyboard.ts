/** The page as somebody uses it who has no mouse. */

import { expect, type Locator, type Page } from '@playwright/test';

/** No page has more stops than that. */
const STOPS_MAX = 150;

/** Where the keyboard is, and whether one sees it there. */
interface Stop {
  /** `null`: nowhere on the page. */
  what: string | null;
  seen: boolean;
}

/** Presses Tab until the keyboard is at `target`; each stop on the way has to be seen. */
export async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await expect(target).toBeVisible();
  for (let stops = 0; stops < STOPS_MAX; stops += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
    await expectFocusSeen(page);
  }
  throw new Error(`${target} is not reached with ${key}`);
}

/** Goes to `target` with Tab and presses a key there. */
export async function pressAt(page: Page, target: Locator, key: string): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

/** Goes to a field with Tab and types over what stands in it. */
export async function typeAt(page: Page, target: Locator, text: string): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
}

/** What has the keyboard shows it: an outline of two pixels that is no transparent one. What that is; `null`: nothing. */
export async function expectFocusSeen(page: Page): Promise<string | null> {
  const { what, seen } = await stopOf(page);
  expect(what === null || seen, `the focus is seen at ${what}`).toBe(true);
  return what;
}

/** The keyboard is somewhere on the page, so that its user need not begin anew at the top. */
export async function expectFocusKept(page: Page): Promise<void> {
  await expect.poll(async () => (await stopOf(page)).what, { message: 'the keyboard is somewhere' }).not.toBeNull();
}

function stopOf(page: Page): Promise<Stop> {
  return page.evaluate(() => {
    const at = document.activeElement;
    if (!(at instanceof HTMLElement) || at === document.body) return { what: null, seen: false };
    // A link that a whole row leads to is outlined with the row.
    const isDrawn = [null, '::after'].some((part) => {
      const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(at, part);
      return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && !/^rgba\(.*, 0\)$|^transparent$/.test(outlineColor);
    });
    const name = at.getAttribute('aria-label') ?? (at.textContent?.trim().slice(0, 40) || at.id);
    // The button in a field of a date is the browser's, with its ring.
    const isInside = !at.matches(':focus') && at.matches('input:focus-within');
    return { what: `${at.tagName.toLowerCase()} "${name}"`, seen: isDrawn || isInside };
  });
}
