/** A page of the running dashboard, signed in. */

import { execFileSync } from 'node:child_process';
import { expect, type Page } from '@playwright/test';

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

/** Runs an `outlay` command in the home under test and returns what it printed. */
export function outlay(...words: string[]): string {
  const binary = process.env.OUTLAY_BIN;
  if (binary === undefined) throw new Error('OUTLAY_BIN names the binary: run cargo xtask test');
  return execFileSync(binary, words, { encoding: 'utf8' });
}

/** Signs in with a fresh code, once for each browser context, and opens a page. */
export async function open(page: Page, path = ''): Promise<void> {
  const link = outlay('dashboard', '--print').trim();
  await page.goto(link);
  await expect(page.getByTestId('dashboard')).toBeVisible();
  await go(page, path);
}

/** Opens another page of the dashboard. */
export async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((hash) => (location.hash = hash), `#/${path}`);
  const name = path.split(/[/?]/)[0] as keyof typeof PAGES;
  await expect(page.getByTestId('dashboard')).toHaveAttribute('data-page', name === '' ? 'overview' : name);
}

/** Waits until nothing on the page is loading any more. */
export async function settled(page: Page): Promise<void> {
  await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
}
