/** Prices: looked up, set by oneself, taken back, and given to a model that has none. */

import { expect, test, type Page } from '@playwright/test';
import type { CallPage, Prices, UnpricedModels } from '../../ui/src/generated';
import { amountIn, open, panel } from './dashboard';
import { ownHome } from './home';
import { pressAt, tabTo, typeAt } from './keyboard';

const home = ownHome('month');

const HOUSE = 'house-7b-chat';
const told = (page: Page, words: string) => expect(page.getByRole('status').filter({ hasText: words })).toBeVisible();
const rows = (page: Page) => page.getByRole('table', { name: /^Prices in US dollars/ }).getByRole('row');
const rowOf = (page: Page, model: string) => rows(page).filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${model} `) }) });

async function search(page: Page, words: string): Promise<void> {
  await page.getByRole('searchbox', { name: 'Search models' }).fill(words);
  const { prices } = await home.current.api<Prices>(`/prices?search=${words}`);
  await expect(page.getByRole('status').filter({ hasText: `${prices.length} ${prices.length === 1 ? 'model' : 'models'} with “${words}”` })).toBeVisible();
}

test('a model is looked up, with where its price comes from', async ({ page }) => {
  await open(page, home.current, 'prices');
  await expect(page.getByText('those used this month come first')).toBeVisible();
  await search(page, 'sonnet-4-5');
  await expect(page).toHaveURL(/search=sonnet-4-5/);
  const row = rowOf(page, 'claude-sonnet-4-5').first();
  await expect(row).toContainText('$3.00');
  await expect(row).toContainText('$15.00');
  await row.getByRole('button').click();
  await expect(page.getByText('What calls have cost stays as it is; a new price counts from now on.')).toBeVisible();
  const { source } = await home.current.api<Prices>('/prices?search=sonnet-4-5');
  await expect(page.getByText(`List: ${source}.`)).toBeVisible();

  await page.getByRole('searchbox').fill('nothing-like-it');
  await expect(page.getByText('No model\'s name contains “nothing-like-it”.')).toBeVisible();
  await page.getByRole('button', { name: 'Show all models' }).click();
  await expect(page.getByText(/^And [\d,]+ more\. Search to see them\.$/)).toBeVisible();
});

test('a price of one\'s own goes before the list, and is taken back', async ({ page }) => {
  await open(page, home.current, 'prices?search=gpt-5-mini');
  const row = rowOf(page, 'gpt-5-mini').first();
  await row.getByRole('button').click();
  await page.getByRole('button', { name: 'Set your own price…' }).first().click();
  const form = page.getByRole('dialog', { name: 'Price of gpt-5-mini' });
  await expect(form.getByLabel('Input')).toBeFocused();
  await form.getByLabel('Output').fill('dear');
  await form.getByRole('button', { name: 'Set price' }).click();
  await expect(form.getByRole('alert')).toContainText('Write dollars per million tokens');
  // A figure that is far off is asked about.
  await form.getByLabel('Output').fill('40000');
  await form.getByRole('button', { name: 'Set price' }).click();
  await form.getByRole('button', { name: 'Set it anyway' }).click();
  await told(page, 'Your price of gpt-5-mini counts from now on.');
  await expect(rows(page).nth(1)).toContainText('Your own');
  await expect(rows(page).nth(1)).toContainText('$40,000.00');
  const mine = async () => (await home.current.api<Prices>('/prices?search=gpt-5-mini')).prices.filter((price) => price.origin === 'user');
  expect(await mine()).toHaveLength(1);

  await page.getByRole('button', { name: "Go back to the list's price" }).or(rows(page).nth(1).getByRole('button')).first().click();
  const back = page.getByRole('button', { name: "Go back to the list's price" });
  if (await back.isVisible()) await back.click();
  await told(page, 'Your price of gpt-5-mini is taken back');
  await expect(page.getByRole('heading', { name: 'Price list' })).toBeFocused();
  expect(await mine()).toHaveLength(0);
});

test('a model without a price is given one, and its calls cost something', async ({ page }) => {
  await open(page, home.current, 'prices');
  const unpriced = panel(page, 'Used, and without a price');
  await expect(unpriced.getByRole('listitem')).toContainText(`${HOUSE} openai`);
  await unpriced.getByRole('button', { name: `Set price of ${HOUSE}` }).click();
  const form = page.getByRole('dialog', { name: `Price of ${HOUSE}` });
  await form.getByLabel('Input').fill('0');
  await form.getByLabel('Output').fill('50');
  await form.getByRole('button', { name: 'Set price' }).click();
  await told(page, `Your price of ${HOUSE} counts from now on.`);
  await expect(unpriced).toBeHidden();
  expect((await home.current.api<UnpricedModels>('/prices/unpriced')).models).toEqual([]);
  expect(await home.current.call({}, HOUSE)).toBe(200);
  const { rows: [call] } = await home.current.api<CallPage>(`/calls?model=${HOUSE}&limit=1`);
  expect(call?.cost_usd).toBe('0.01');
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await expect(page.getByRole('grid').getByRole('row').nth(1)).toContainText(HOUSE);
  await page.getByRole('grid').getByRole('row').nth(1).getByRole('link').click();
  expect(await amountIn(page.getByRole('main'))).toBe('0.01');
});

test('a price is searched, set and taken back by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('7');
  await typeAt(page, page.getByRole('searchbox', { name: 'Search models' }), 'gemini-2.5-flash');
  const row = rowOf(page, 'gemini-2.5-flash').first();
  await pressAt(page, row.getByRole('button'), 'Enter');
  const set = page.getByRole('button', { name: 'Set your own price…' }).first();
  await pressAt(page, set, 'Enter');
  const form = page.getByRole('dialog', { name: 'Price of gemini-2.5-flash' });
  await expect(form.getByLabel('Input')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(form).toBeHidden();
  await expect(set).toBeFocused();
  await page.keyboard.press('Enter');
  await typeAt(page, form.getByLabel('Input'), '0.31');
  await page.keyboard.press('Enter');
  await told(page, 'Your price of gemini-2.5-flash counts from now on.');
  await expect(form).toBeHidden();
  const own = rows(page).filter({ hasText: 'Your own' }).getByRole('button', { name: /^gemini-2\.5-flash/ });
  await tabTo(page, page.getByRole('searchbox'), 'Shift+Tab');
  await tabTo(page, own);
  if ((await own.getAttribute('aria-expanded')) === 'false') await page.keyboard.press('Enter');
  await pressAt(page, page.getByRole('button', { name: "Go back to the list's price" }), 'Enter');
  await told(page, 'is taken back');
  await expect(page.getByRole('heading', { name: 'Price list' })).toBeFocused();
});
