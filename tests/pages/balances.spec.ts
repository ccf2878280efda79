/** Balances: what a provider's page says is typed in, credit and levels are noted, and a floor refuses. */

import { expect, test, type Page } from '@playwright/test';
import type { Balances, BalanceView } from '../../ui/src/generated';
import { go, open, panel } from './dashboard';
import { ownHome } from './home';
import { pressAt, tabTo, typeAt } from './keyboard';

const home = ownHome('month');

async function balance(account: string): Promise<BalanceView> {
  const { balances } = await home.current.api<Balances>('/balances');
  const found = balances.find((each) => each.account === account);
  if (found === undefined) throw new Error(`${account} has no balance`);
  return found;
}

const told = (page: Page, words: string | RegExp) => expect(page.getByRole('status').filter({ hasText: words })).toBeVisible();
const observed = (page: Page, account: string) => panel(page, account).getByLabel("What does the provider's page say?");

test('what the provider says is left is typed in', async ({ page }) => {
  await open(page, home.current, 'balances');
  const anthropic = panel(page, 'anthropic');
  await expect(anthropic).toContainText('48 hours before it is empty');
  await expect(anthropic.getByRole('img', { name: /at this rate/ })).toBeVisible();
  await observed(page, 'anthropic').fill('lots');
  await anthropic.getByRole('button', { name: 'Save' }).click();
  await expect(anthropic.getByRole('alert')).toHaveText('Write an amount, such as 12.40.');
  await observed(page, 'anthropic').fill('15.40');
  await anthropic.getByRole('button', { name: 'Save' }).click();
  await told(page, 'less than was counted here: it was spent elsewhere');
  await expect(observed(page, 'anthropic')).toHaveValue('');
  await expect(anthropic).toContainText('$15.40');
  expect((await balance('anthropic')).remaining).toBe('15.40');
  expect(home.current.outlay('balance', 'list')).toContain('15.40');
});

test('levels are set, and at the floor calls are refused until there is credit again', async ({ page }) => {
  expect(await home.current.call()).toBe(200);
  await open(page, home.current, 'balances');
  const openai = panel(page, 'openai');
  await openai.getByRole('button', { name: 'Levels of openai' }).click();
  const levels = page.getByRole('dialog', { name: 'Levels of openai' });
  await levels.getByLabel('Warn').fill('soon');
  await levels.getByRole('button', { name: 'Save' }).click();
  await expect(levels.getByRole('alert')).toContainText('Write an amount (5), a share (20%)');
  await levels.getByLabel('Warn').fill('75');
  await levels.getByLabel('Refuse calls at').fill('70');
  await levels.getByRole('button', { name: 'Save' }).click();
  await told(page, 'The levels of openai are set.');
  expect(await balance('openai')).toMatchObject({ warn_below: '75.00', floor: '70.00', refusing: true });
  await expect(openai.getByText('Refusing calls')).toBeVisible();
  await expect(openai.getByRole('alert')).toContainText('At $70.00 or less calls are refused.');
  expect(await home.current.call()).toBe(402);

  await openai.getByRole('button', { name: 'Add credit to openai' }).click();
  const credit = page.getByRole('dialog', { name: 'Add credit to openai' });
  await expect(credit.getByLabel('Amount')).toBeFocused();
  await credit.getByLabel('Amount').fill('40');
  await credit.getByLabel('Expires').fill('2026-11-20');
  await credit.getByRole('button', { name: 'Add credit' }).click();
  await expect(credit.getByRole('alert')).toHaveText('Choose a day after today.');
  await credit.getByLabel('Expires').fill('2027-03-01');
  await credit.getByLabel('Note').fill('invoice 7');
  await credit.getByRole('button', { name: 'Add credit' }).click();
  await told(page, 'Credit was added to openai.');
  await expect(openai.getByText('Refusing calls')).toBeHidden();
  expect((await balance('openai')).refusing).toBe(false);
  expect(await home.current.call()).toBe(200);
});

test('an account is added, and the top-up that its provider makes is shown', async ({ page }) => {
  await open(page, home.current, 'balances');
  await page.getByRole('button', { name: 'Add an account' }).click();
  const form = page.getByRole('dialog', { name: 'Add an account' });
  await form.getByLabel('Account').fill('openai');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByRole('alert').first()).toHaveText('openai is on this page already.');
  await form.getByLabel('Account').fill('mistral');
  await expect(form.getByRole('link', { name: 'https://console.mistral.ai' })).toBeVisible();
  await form.getByLabel('What its page says is left').fill('$1,250.5');
  await form.getByRole('button', { name: 'Save' }).click();
  await told(page, 'The balance of mistral is set.');
  expect((await balance('mistral')).remaining).toBe('1250.50');

  home.current.outlay('balance', 'recharge', 'mistral', '5', '25');
  await expect(panel(page, 'mistral')).toContainText('$25.00 when below $5.00');
});

test('what is left, levels and credit are typed by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('6');
  const gemini = panel(page, 'gemini');
  await typeAt(page, observed(page, 'gemini'), '8.25');
  await page.keyboard.press('Enter');
  await told(page, 'Saved. That is');
  await expect(observed(page, 'gemini')).toBeFocused();
  expect((await balance('gemini')).remaining).toBe('8.25');

  const levels = gemini.getByRole('button', { name: 'Levels of gemini' });
  await tabTo(page, levels, 'Shift+Tab');
  await page.keyboard.press('Space');
  await expect(page.getByRole('dialog').getByLabel('Warn')).toBeFocused();
  await typeAt(page, page.getByRole('dialog').getByLabel('Warn'), '20%');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(levels).toBeFocused();
  expect((await balance('gemini')).warn_percent).toBe(20);

  await go(page, 'balances');
  const add = page.getByRole('button', { name: 'Add an account' });
  await pressAt(page, add, 'Enter');
  await typeAt(page, page.getByRole('dialog').getByLabel('Account'), 'groq');
  await typeAt(page, page.getByRole('dialog').getByLabel('What its page says is left'), '3');
  await pressAt(page, page.getByRole('dialog').getByRole('button', { name: 'Save' }), 'Enter');
  await expect(page.getByRole('dialog')).toBeHidden();
  await expect(add).toBeFocused();
  expect((await balance('groq')).remaining).toBe('3.00');
});
