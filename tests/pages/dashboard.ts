/** A page of the running dashboard, signed in. */

import { expect, type Locator, type Page } from '@playwright/test';
import type { Home } from './home';

/** Every page, by the part of the address behind `#/`, with its title. */
export const PAGES = {
  '': 'Overview',
  calls: 'Calls',
  reports: 'Reports',
  alerts: 'Alerts',
  budgets: 'Budgets',
  balances: 'Balances',
  prices: 'Prices',
  tools: 'Tools',
  settings: 'Settings',
  start: 'Getting started',
} as const;

export type PagePath = keyof typeof PAGES;
export const PATHS = Object.keys(PAGES) as PagePath[];

/** Signs in with a fresh code, once for each browser context, and opens a page. */
export async function open(page: Page, home: Home, path = ''): Promise<void> {
  await page.goto(home.outlay('dashboard', '--print').trim());
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  await go(page, path);
}

/** Opens another page of the dashboard, once it has its figures. */
export async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((hash) => (location.hash = hash), `#/${path}`);
  const name = path.split(/[/?]/)[0] as PagePath;
  await expect(page.getByTestId('dashboard')).toHaveAttribute('data-page', name === '' ? 'overview' : name);
  await settled(page);
}

/** Waits until nothing on the page is loading any more. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
  await expect(page.getByText(/^(Loading|Looking|Reading)\b.*…$/).filter({ visible: true })).toHaveCount(0);
}

/** The part of a page with this heading. */
export function panel(page: Page | Locator, title: string | RegExp): Locator {
  return page.getByRole('region', { name: title, exact: true });
}

/** The exact amount behind a figure that may be rounded. */
export async function amountIn(within: Locator): Promise<string> {
  const value = await within.locator('data').first().getAttribute('value');
  if (value === null) throw new Error('no amount stands there');
  return value;
}

/** Exact decimals, as whole numbers of 10^-18: enough for a rate per million times any count. */
export function exact(text: string): bigint {
  const match = /^(-?)\$?(\d[\d,]*)(?:\.(\d+))?$/.exec(text.trim());
  if (match === null) throw new Error(`${text} is no amount`);
  const [, sign, whole = '', fraction = ''] = match;
  return BigInt(`${sign}${whole.replaceAll(',', '')}${fraction.padEnd(18, '0')}`);
}
