/** Calls: found, followed while they are made, and one of them recalculated. */

import { expect, test, type Locator, type Page } from '@playwright/test';
import type { CallCount, CallDetail, CallPage } from '../../ui/src/generated';
import { exact, go, open, panel } from './dashboard';
import { ownHome, STORY_MODEL } from './home';
import { expectFocusSeen, pressAt, tabTo, typeAt } from './keyboard';

const home = ownHome('month');

const grid = (page: Page): Locator => page.getByRole('grid', { name: 'Calls, newest first' });
/** The row of a number, the newest being 1; the head is a row as well. */
const row = (page: Page, number: number): Locator => grid(page).locator(`[role="row"][aria-rowindex="${number + 1}"]`);

async function expectCount(page: Page, query: string): Promise<number> {
  const { calls } = await home.current.api<CallCount>(`/calls/count${query}`);
  expect(calls).toBeGreaterThan(0);
  await expect(page.getByRole('search').getByText(`${calls.toLocaleString('en-US')} ${calls === 1 ? 'call' : 'calls'}`, { exact: true })).toBeVisible();
  await expect(grid(page)).toHaveAttribute('aria-rowcount', String(calls + 1));
  return calls;
}

test('filters and the search narrow the list, and are taken away again', async ({ page }) => {
  await open(page, home.current, 'calls');
  const all = await expectCount(page, '');
  const search = page.getByRole('searchbox', { name: /^Find in model/ });
  await search.fill('gemini');
  await expectCount(page, '?search=gemini');
  await expect(row(page, 1)).toContainText('gemini-2.5-flash');
  await expect(page).toHaveURL(/search=gemini/);

  await page.getByRole('button', { name: 'Filter' }).click();
  await page.getByLabel('Project', { exact: true }).fill('billing');
  await page.getByLabel('Project', { exact: true }).press('Enter');
  const both = await expectCount(page, '?search=gemini&project=billing');
  expect(both).toBeLessThan(all);
  await expect(row(page, 1)).toContainText('billing');
  await page.getByRole('combobox', { name: 'Time' }).selectOption({ label: 'This month' });
  await expectCount(page, '?search=gemini&project=billing&since=2026-11-01');
  await page.reload();
  await expectCount(page, '?search=gemini&project=billing&since=2026-11-01');

  await page.getByRole('button', { name: 'Remove: Project billing' }).click();
  await expectCount(page, '?search=gemini&since=2026-11-01');
  await page.getByRole('button', { name: 'Clear all' }).click();
  await expectCount(page, '');
  await page.getByRole('combobox', { name: 'Status' }).selectOption({ label: 'Refused' });
  await expectCount(page, '?status=refused');
  await expect(row(page, 1)).toContainText('Over budget');

  await search.fill('no such thing');
  await expect(page.getByText('No call matches this filter.')).toBeVisible();
  await page.getByRole('button', { name: 'Show all calls' }).click();
  await expectCount(page, '');
});

test('the list is scrolled to its end', async ({ page }) => {
  await open(page, home.current, 'calls');
  const count = await expectCount(page, '');
  const oldest = await home.current.api<CallPage>(`/calls?offset=${count - 1}&limit=1`);
  await grid(page).hover();
  await page.mouse.wheel(0, count * 60);
  const last = row(page, count);
  await expect(last).toBeInViewport();
  await expect(last.locator('time')).toHaveAttribute('datetime', oldest.rows[0]!.time);
  // As few rows as are seen, whatever there is.
  expect(await grid(page).getByRole('row').count()).toBeLessThan(80);
  // A wheel that is turned while the list is still moving is not always taken.
  await expect(async () => {
    await page.mouse.wheel(0, -count * 60);
    await expect(row(page, 1)).toBeInViewport({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
});

test('a call made meanwhile appears', async ({ page }) => {
  await open(page, home.current, 'calls');
  const count = await expectCount(page, '');
  expect(await home.current.call({ 'x-outlay-project': 'live' })).toBe(200);
  await expect(row(page, 1)).toContainText('live');
  await expect(row(page, 1)).toContainText(STORY_MODEL);
  expect(await expectCount(page, '')).toBe(count + 1);

  await grid(page).hover();
  await page.mouse.wheel(0, 3_000);
  await expect(row(page, 90)).toBeInViewport();
  const stays = await row(page, 90).textContent();
  expect(await home.current.call({ 'x-outlay-project': 'live' })).toBe(200);
  const fresh = page.getByRole('button', { name: '1 new call' });
  await expect(fresh).toBeVisible();
  // Who reads on is not moved.
  await expect(row(page, 91)).toHaveText(stays!);
  await expect(row(page, 91)).toBeInViewport();
  await fresh.click();
  await expect(row(page, 1)).toBeFocused();
  await expect(row(page, 1)).toContainText('live');
  await expect(fresh).toBeHidden();
});

/** Recalculates a call as a person would from what the page shows. */
async function expectSums(page: Page): Promise<number> {
  const lines = page.getByRole('region', { name: 'What it cost, line by line' });
  let total = 0n;
  await expect(lines).toBeVisible();
  const rows = await lines.locator('tbody tr').all();
  for (const each of rows) {
    const [units = '', rate = '', amount = ''] = await each.getByRole('cell').allInnerTexts();
    const per = /^×\s*(\$[\d.,]+) per million$/.exec(rate.trim());
    expect(per, rate).not.toBeNull();
    const shown = exact(amount.replace(/^=/, ''));
    expect(exact(units) * exact(per![1]!), `${units} × ${rate}`).toBe(shown * 1_000_000n * 10n ** 18n);
    total += shown;
  }
  const foot = await lines.getByRole('row', { name: /^Total/ }).getByRole('cell').last().innerText();
  expect(exact(foot)).toBe(total);
  expect(exact(await page.getByTestId('call-amount').innerText())).toBe(total);
  return rows.length;
}

test('one call adds up: buckets times rates', async ({ page }) => {
  await open(page, home.current, 'calls?model=claude-sonnet-4-5');
  const { rows } = await home.current.api<CallPage>('/calls?model=claude-sonnet-4-5&limit=40');
  const number = rows.findIndex((call) => (call.cache_read_tokens ?? 0) > 0) + 1;
  await row(page, number).getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1, name: 'Call' })).toBeVisible();
  expect(await expectSums(page)).toBe(3);
  const call = await home.current.api<CallDetail>(`/calls/${rows[number - 1]!.id}`);
  const detail = page.getByRole('region', { name: 'What it cost, line by line' });
  for (const line of call.lines) await expect(detail).toContainText(line.units.toLocaleString('en-US'));

  await page.getByRole('link', { name: 'Older' }).click();
  await expect(page).toHaveURL(new RegExp(`${rows[number]!.id}$`));
  await expectSums(page);
  await page.getByRole('link', { name: 'All calls' }).click();
  await expect(page.getByRole('button', { name: 'Remove: Model claude-sonnet-4-5' })).toBeVisible();
});

test('what budgets held and did is told of a call that passed and of one that was refused', async ({ page }) => {
  await open(page, home.current, 'calls?project=ci&status=settled');
  await row(page, 1).getByRole('link').click();
  expect(await expectSums(page)).toBe(2);
  const shares = page.getByRole('table').filter({ hasText: 'Charged' });
  const ci = shares.getByRole('row', { name: /^ci / });
  await expect(ci).toContainText('$0.002');
  await expect(page.getByText('The most it could be billed was $0.002')).toBeVisible();
  await ci.getByRole('link').click();
  await expect(page.getByRole('heading', { level: 2, name: 'ci' })).toBeVisible();

  await go(page, 'calls?project=ci&status=refused');
  await row(page, 1).getByRole('link').click();
  const why = panel(page, 'Why it was refused');
  await expect(why).toContainText("'ci' of $0.004");
  await expect(why.getByRole('row', { name: /^ci / })).toContainText('has too little left');
  await expect(page.getByText('It was refused before it left this computer, and costs nothing.')).toBeVisible();
});

test('the list is filtered, walked through and opened by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('2');
  await typeAt(page, page.getByRole('searchbox', { name: /^Find in model/ }), 'codex');
  const count = await expectCount(page, '?search=codex');
  await tabTo(page, page.getByRole('combobox', { name: 'Time' }));
  await page.keyboard.type('This');
  await page.keyboard.press('Tab');
  await expectCount(page, '?search=codex&since=2026-11-01');
  await pressAt(page, page.getByRole('button', { name: /^Remove: Time/ }), 'Enter');
  await expect(page.getByRole('searchbox', { name: /^Find in model/ })).toBeFocused();
  await expectCount(page, '?search=codex');

  await pressAt(page, page.getByRole('button', { name: 'Filter' }), 'Enter');
  await expect(page.getByRole('button', { name: 'Filter' })).toHaveAttribute('aria-expanded', 'true');
  await typeAt(page, page.getByLabel('Project', { exact: true }), 'site');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Remove: Project site' })).toBeVisible();
  await pressAt(page, page.getByRole('button', { name: 'Remove: Project site' }), 'Space');
  await expectCount(page, '?search=codex');

  await tabTo(page, row(page, 1));
  await page.keyboard.press('ArrowDown');
  await expect(row(page, 2)).toBeFocused();
  await expectFocusSeen(page);
  await page.keyboard.press('PageDown');
  await page.keyboard.press('End');
  await expect(row(page, count)).toBeFocused();
  await expect(row(page, count)).toBeInViewport();
  await page.keyboard.press('Home');
  await expect(row(page, 1)).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Call' })).toBeFocused();
  await expectSums(page);
  await pressAt(page, page.getByRole('link', { name: 'All calls' }), 'Enter');
  await expectCount(page, '?search=codex');
  await tabTo(page, row(page, 2));
});
