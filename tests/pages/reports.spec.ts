/** Reports: by two dimensions, beside the period before, and as a file. */

import { readFileSync } from 'node:fs';
import { expect, test, type Page } from '@playwright/test';
import type { By, Exported, Usage } from '../../ui/src/generated';
import { exact, open, panel } from './dashboard';
import { ownHome } from './home';
import { pressAt, tabTo } from './keyboard';

const home = ownHome('month');

const controls = (page: Page) => page.getByRole('group', { name: 'What the report shows' });
const table = (page: Page) => panel(page, 'Rows').getByRole('table');

/** The rows as the report shows them: its names, and its costs to the last digit. */
async function shown(page: Page): Promise<{ names: string[]; cost: string }[]> {
  return table(page).locator('tbody tr').evaluateAll((rows) =>
    rows.map((row) => {
      const cells = [...row.querySelectorAll('th, td')].map((cell) => cell.firstChild?.textContent?.trim() ?? '');
      return { names: cells.slice(0, 2), cost: row.querySelector<HTMLElement>('td.cost')?.title.split(' and ')[0] ?? '' };
    }),
  );
}

test('a report by two dimensions stands beside the month before', async ({ page }) => {
  await open(page, home.current, 'reports');
  await controls(page).getByLabel('Rows by').selectOption({ label: 'Project' });
  await controls(page).getByLabel('and by').selectOption({ label: 'Model' });
  await controls(page).getByLabel('Range').selectOption({ label: 'This month' });
  await controls(page).getByRole('checkbox', { name: 'Compare with before' }).check();
  await expect(panel(page, 'Spend by project and model')).toContainText('1 Nov 2026 to 21 Nov 2026');
  await expect(table(page).getByRole('columnheader', { name: 'Before' })).toBeVisible();

  const usage = (since: string, until: string) =>
    home.current.api<Usage<[By, By], [string | null, string | null]>>(`/usage?since=${since}&until=${until}&by=project&by=model&timezone=Europe/Berlin`);
  const [now, before] = [await usage('2026-11-01', '2026-11-22'), await usage('2026-10-01', '2026-10-22')];
  const rows = await shown(page);
  expect(rows).toHaveLength(now.rows.length);
  for (const { key, cost_usd: cost, unpriced_calls: unpriced } of now.rows) {
    const row = rows.find(({ names }) => names[0] === key[0] && names[1] === key[1]);
    expect(row?.cost, `${key}`).toBe(unpriced > 0 ? 'Unknown' : `$${cost}`);
  }
  const foot = table(page).getByRole('row', { name: /^Total/ });
  await expect(foot).toContainText(`$${Number(now.total.cost_usd).toFixed(2)}`);
  await expect(foot).toContainText(`$${Number(before.total.cost_usd).toFixed(2)}`);

  // The dearest first; then by name, then the other way round.
  const costs = rows.filter((row) => row.cost !== 'Unknown').map((row) => exact(row.cost));
  expect(costs).toEqual([...costs].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
  await table(page).getByRole('button', { name: 'Project' }).click();
  await expect(table(page).getByRole('columnheader', { name: 'Project' })).toHaveAttribute('aria-sort', 'ascending');
  expect((await shown(page))[0]?.names[0]).toBe('billing');
  await table(page).getByRole('button', { name: 'Project' }).click();
  await expect(table(page).getByRole('columnheader', { name: 'Project' })).toHaveAttribute('aria-sort', 'descending');
  expect((await shown(page))[0]?.names[0]).toBe('site');

  await table(page).getByRole('row', { name: /^search gpt-5\.1/ }).getByRole('link').click();
  await expect(page.getByRole('heading', { level: 1, name: 'Calls' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Remove: Model gpt-5.1' })).toBeVisible();
  await page.goBack();
  await expect(controls(page).getByRole('checkbox', { name: 'Compare with before' })).toBeChecked();
});

test('own dates are chosen, and days are drawn', async ({ page }) => {
  await open(page, home.current, 'reports');
  await controls(page).getByLabel('Rows by').selectOption({ label: 'Day' });
  await controls(page).getByLabel('Range').selectOption({ label: 'Own dates' });
  await controls(page).getByLabel('From').fill('2026-11-02');
  await controls(page).getByLabel('To, with that day').fill('2026-11-08');
  const report = panel(page, 'Spend by day');
  await expect(report).toContainText('2 Nov 2026 to 8 Nov 2026');
  await expect(report.getByRole('toolbar', { name: /^Days, oldest first/ }).getByRole('link')).toHaveCount(7);
  await expect(table(page).locator('tbody tr')).toHaveCount(7);
});

/** The file that the page says was written. */
async function written(page: Page): Promise<string> {
  const words = page.getByRole('status').filter({ hasText: 'written to' });
  await expect(words).toBeVisible();
  return readFileSync(await words.locator('code').innerText(), 'utf8');
}

test('calls are written into a file, as outlay export writes them', async ({ page }) => {
  await open(page, home.current, 'reports?range=7d');
  const file = panel(page, 'These calls as a file');
  await file.getByRole('button', { name: 'CSV', exact: true }).click();
  const range = ['--since', '2026-11-15', '--until', '2026-11-22'];
  const csv = home.current.outlay('export', ...range);
  expect(await written(page)).toBe(csv);
  const calls = csv.trim().split('\n').length - 1;
  await expect(file).toContainText(`${calls} calls of 15 Nov 2026 to 21 Nov 2026 written to`);
  // What they cost is what the report says.
  const columns = csv.split('\n', 1)[0]!.split(',');
  const cost = columns.indexOf('cost_usd');
  expect(cost).toBeGreaterThan(0);
  const sum = csv.trim().split('\n').slice(1).reduce((total, row) => total + exact(row.split(',')[cost] || '0'), 0n);
  const { total } = home.current.json<Usage>('report', '--by', 'model', ...range);
  expect(sum).toBe(exact(total.cost_usd));

  await file.getByRole('button', { name: 'JSON', exact: true }).click();
  await expect(file.getByText(/\.jsonl/).first()).toBeVisible();
  expect(await written(page)).toBe(home.current.outlay('export', '--format', 'json', ...range));
  const { rows } = await home.current.api<Exported>('/exports', 'POST', { format: 'csv', since: '2026-11-15', until: '2026-11-22' });
  expect(rows).toBe(calls);
});

test('a report is asked for, sorted and written by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('3');
  await tabTo(page, controls(page).getByLabel('Rows by'));
  await page.keyboard.type('Proj');
  await tabTo(page, controls(page).getByLabel('and by'));
  await page.keyboard.type('Cli');
  await pressAt(page, controls(page).getByRole('checkbox', { name: 'Compare with before' }), 'Space');
  await expect(panel(page, 'Spend by project and client')).toBeVisible();
  await expect(table(page).getByRole('columnheader', { name: 'Change' })).toBeVisible();
  await pressAt(page, table(page).getByRole('button', { name: 'Calls' }), 'Enter');
  await expect(table(page).getByRole('columnheader', { name: 'Calls' })).toHaveAttribute('aria-sort', 'descending');
  await expect(table(page).getByRole('button', { name: 'Calls' })).toBeFocused();
  const csv = page.getByRole('button', { name: 'CSV', exact: true });
  await pressAt(page, csv, 'Enter');
  await expect(page.getByRole('status').filter({ hasText: 'written to' })).toBeVisible();
  await expect(csv).toBeFocused();
});
