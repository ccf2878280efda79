/** Budgets: made with a rehearsal, raised, topped up, paused, changed and deleted, and what each does to calls. */

import { expect, test, type Page } from '@playwright/test';
import type { Budgets, BudgetView, RehearsalView } from '../../ui/src/generated';
import { go, open, panel } from './dashboard';
import { ownHome } from './home';
import { expectFocusKept, pressAt, tabTo, typeAt } from './keyboard';

const home = ownHome('month');

const CI = { 'x-outlay-project': 'ci' };

async function budgets(): Promise<Map<string, BudgetView>> {
  const { budgets: all } = await home.current.api<Budgets>('/budgets');
  return new Map(all.map((budget) => [budget.name, budget]));
}

const dialog = (page: Page, name: string) => page.getByRole('dialog', { name });

test('a budget is made after its rehearsal told what it would have done', async ({ page }) => {
  await open(page, home.current, 'budgets');
  await page.getByRole('button', { name: 'New budget' }).click();
  const form = dialog(page, 'New budget');
  await form.getByRole('button', { name: 'Make budget' }).click();
  await expect(form.getByLabel('Name')).toBeFocused();
  await expect(form.getByRole('alert').first()).toHaveText('Give it a name, such as day or search.');

  await form.getByLabel('Name').fill('trial');
  await form.getByRole('textbox', { name: 'Limit' }).fill('0.20');
  await form.getByRole('button', { name: 'Add a condition' }).click();
  await form.getByLabel('Condition 1: what').selectOption('project');
  await form.getByLabel('Condition 1: which project').fill('site');
  const wanted = { limit: '0.20', unit: 'USD', window: 'day', kind: 'hard', scope: { project: 'site' }, warn: [80, 95] };
  const then = await home.current.api<RehearsalView>('/rehearsals', 'POST', wanted);
  expect(then.refused_calls).toBeGreaterThan(0);
  const calls = (count: number) => count.toLocaleString('en-US');
  const words = `This limit would have refused ${calls(then.refused_calls)} of ${calls(then.calls)} calls`;
  await expect(form.getByRole('status').filter({ hasText: words })).toContainText(`on ${then.periods_hit} of ${then.periods} days`);
  await form.getByRole('textbox', { name: 'Limit' }).fill('1000');
  await expect(form.getByRole('status').filter({ hasText: 'This limit would have refused nothing' })).toBeVisible();
  await form.getByRole('textbox', { name: 'Limit' }).fill('0.20');
  await form.getByRole('button', { name: 'Make budget' }).click();
  await expect(form).toBeHidden();
  await expect(page.getByRole('status').filter({ hasText: 'Budget trial is made.' })).toBeVisible();
  await expect(panel(page, 'Limits').getByRole('link', { name: 'trial' })).toBeVisible();
  expect((await budgets()).get('trial')).toMatchObject({ limit: '0.20', window: 'day', kind: 'hard', scope: { project: 'site' } });
});

test('a used-up budget is raised, and calls pass again', async ({ page }) => {
  expect(await home.current.call(CI)).toBe(402);
  await open(page, home.current, 'budgets');
  await panel(page, 'Limits').getByRole('link', { name: 'ci', exact: true }).click();
  await page.getByRole('button', { name: 'Raise…' }).click();
  const by = page.getByLabel('By, in dollars');
  await expect(by).toBeFocused();
  await by.fill('much');
  await page.getByRole('button', { name: 'Raise', exact: true }).click();
  await expect(page.getByRole('alert').filter({ hasText: 'Write an amount in dollars' })).toBeVisible();
  await by.fill('0.004');
  await page.getByRole('button', { name: 'Raise', exact: true }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Raised by $0.004 until it resets.' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Raise…' })).toBeFocused();
  expect((await budgets()).get('ci')?.limit).toBe('0.008');
  expect(await home.current.call(CI)).toBe(200);
  await expect(panel(page, 'History').getByRole('listitem').first()).toContainText(/raised/i);
  await expect(page.getByText('$0.004 of the limit is a raise until')).toBeVisible();
  await page.getByRole('button', { name: 'Take raises back' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Budget ci is no longer raised.' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Raise…' })).toBeFocused();
  expect((await budgets()).get('ci')?.limit).toBe('0.004');
  // What it has let through stays within its limit for the next test.
  await home.current.api('/budgets/ci/raises', 'POST', { by: '0.004' });
});

test('a reserve is topped up, and used once the limit is reached', async ({ page }) => {
  while ((await home.current.call(CI)) === 200) {}
  await open(page, home.current, 'budgets/ci');
  await page.getByRole('button', { name: 'Top up…' }).click();
  await page.getByLabel('By, in dollars').fill('0.002');
  await page.getByRole('button', { name: 'Top up', exact: true }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Topped up by $0.002.' })).toBeVisible();
  expect((await budgets()).get('ci')?.credits_remaining).toBe('0.002');
  expect(await home.current.call(CI)).toBe(200);
  expect(await home.current.call(CI)).toBe(402);
});

test('a budget is paused, refuses nothing, and is resumed', async ({ page }) => {
  while ((await home.current.call(CI)) === 200) {}
  await open(page, home.current, 'budgets/ci');
  await page.getByRole('button', { name: 'Pause…' }).click();
  await page.getByRole('button', { name: '1 hour' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'refuses nothing for 1 hour' })).toBeVisible();
  await expect(page.getByText(/^Counts without refusing until /)).toBeVisible();
  expect((await budgets()).get('ci')?.state).toBe('paused');
  expect(await home.current.call(CI)).toBe(200);
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await expect(page.getByRole('button', { name: 'Pause…' })).toBeVisible();
  expect(await home.current.call(CI)).toBe(402);
});

test('a budget is changed, and deleted only when that was confirmed', async ({ page }) => {
  home.current.outlay('budget', 'set', 'short', '--limit', '3', '--window', 'week');
  await open(page, home.current, 'budgets/short');
  await page.getByRole('button', { name: 'Change…' }).click();
  const form = dialog(page, 'Change budget short');
  await expect(form.getByRole('textbox', { name: 'Limit' })).toHaveValue('3');
  await form.getByRole('textbox', { name: 'Limit' }).fill('7.50');
  await form.getByLabel('For', { exact: true }).selectOption({ label: 'A month' });
  await form.getByRole('radio', { name: /^Only warn/ }).check();
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Budget short is changed.' })).toBeVisible();
  expect((await budgets()).get('short')).toMatchObject({ limit: '7.50', window: 'month', kind: 'soft' });

  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('button', { name: 'Delete…' }).click();
  await page.getByRole('button', { name: 'Delete budget' }).click();
  await expect(page.getByRole('heading', { level: 2, name: 'Limits' })).toBeFocused();
  await expect(page.getByRole('status').filter({ hasText: 'Budget short is deleted.' })).toBeVisible();
  expect(home.current.outlay('budget', 'list')).not.toContain('short');
  await go(page, 'budgets/short');
  await expect(page.getByText('There is no budget named short.')).toBeVisible();
});

test('limits are let go for a while, with a reason, and hold again', async ({ page }) => {
  while ((await home.current.call(CI)) === 200) {}
  await open(page, home.current, 'budgets');
  await page.getByRole('button', { name: 'Let everything through…' }).click();
  const form = dialog(page, 'Let everything through');
  const begin = form.getByRole('button', { name: 'Refuse nothing for 15 minutes' });
  await expect(begin).toBeDisabled();
  await form.getByLabel('Why').fill('the release');
  await begin.click();
  const banner = page.getByRole('status', { name: /limits are off/i });
  await expect(banner).toContainText('the release');
  expect(await home.current.call(CI)).toBe(200);
  await banner.getByRole('button', { name: 'Let limits refuse again' }).click();
  await expect(banner).toBeHidden();
  expect(await home.current.call(CI)).toBe(402);
});

test('a budget is made, raised, paused and deleted by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('5');
  const make = page.getByRole('button', { name: 'New budget' });
  await pressAt(page, make, 'Enter');
  await expect(dialog(page, 'New budget').getByLabel('Name')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(make).toBeFocused();
  await page.keyboard.press('Space');
  const form = dialog(page, 'New budget');
  await expect(form.getByLabel('Name')).toBeFocused();
  await page.keyboard.type('keys');
  await typeAt(page, form.getByRole('textbox', { name: 'Limit' }), '100');
  await tabTo(page, form.getByLabel('Counted in'));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(form.getByLabel('Counted in')).toHaveValue('calls');
  await tabTo(page, form.getByRole('radio', { name: /^Refuse calls/ }));
  await page.keyboard.press('ArrowDown');
  await expect(form.getByRole('radio', { name: /^Only warn/ })).toBeChecked();
  await page.keyboard.press('ArrowUp');
  // A dialog lets nobody out but by its end.
  await page.keyboard.press('Shift+Tab');
  await pressAt(page, form.getByRole('button', { name: 'Make budget' }), 'Enter');
  await expect(form).toBeHidden();
  await expect(make).toBeFocused();
  expect((await budgets()).get('keys')).toMatchObject({ limit: 100, unit: 'calls', kind: 'hard' });

  await pressAt(page, page.getByRole('link', { name: 'keys', exact: true }), 'Enter');
  const raise = page.getByRole('button', { name: 'Raise…' });
  await pressAt(page, raise, 'Enter');
  await expect(page.getByLabel('By, in calls')).toBeFocused();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('11');
  await page.keyboard.press('Enter');
  await expect(raise).toBeFocused();
  expect((await budgets()).get('keys')?.limit).toBe(111);
  await pressAt(page, page.getByRole('button', { name: 'Pause…' }), 'Space');
  await expect(page.getByRole('button', { name: '1 hour' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Resume', exact: true })).toBeFocused();
  await pressAt(page, page.getByRole('button', { name: 'Delete…' }), 'Enter');
  await expect(page.getByRole('button', { name: 'Keep it' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expectFocusKept(page);
  await pressAt(page, page.getByRole('button', { name: 'Delete…' }), 'Enter');
  await pressAt(page, page.getByRole('button', { name: 'Delete budget' }), 'Enter');
  await expect(page.getByRole('heading', { level: 2, name: 'Limits' })).toBeFocused();
  expect((await budgets()).has('keys')).toBe(false);
});
