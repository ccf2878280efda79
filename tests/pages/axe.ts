/** What axe finds on a page, or in the dialog that is open on it. */

import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Nothing is found; in the other theme only colours can be different. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  await expectSound(page, where);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectNothing(axe(page).withRules(['color-contrast', 'link-in-text-block']), `${where}, dark`);
}

/** Nothing is found in the light theme. */
export async function expectSound(page: Page, where: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await expectNothing(axe(page).withTags(RULES), where);
}

/** The pages have no frames: axe need not look for them, which takes it a page of its own. */
function axe(page: Page): AxeBuilder {
  return new AxeBuilder({ page }).setLegacyMode();
}

async function expectNothing(asked: AxeBuilder, where: string): Promise<void> {
  const { violations } = await asked.analyze();
  const found = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map((node) => node.target.join(' ')) }));
  expect(found, where).toEqual([]);
}
