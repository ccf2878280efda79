/** Settings: each is written into the settings file as soon as it is changed; a test and a copy are made. */

import { existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, type Page } from '@playwright/test';
import { open, panel } from './dashboard';
import { ownHome } from './home';
import { expectFocusKept, pressAt, tabTo, typeAt } from './keyboard';

const home = ownHome('month');

/** The file says so, a moment after it was changed on the page. */
async function expectWritten(line: string | RegExp): Promise<void> {
  const expected = typeof line === 'string' ? expect.stringContaining(line) : expect.stringMatching(line);
  await expect.poll(() => home.current.settings()).toEqual(expected);
}

async function expectGone(word: string): Promise<void> {
  await expect.poll(() => home.current.settings()).not.toContain(word);
}

test('days, limits, keeping and the address are written as they are changed', async ({ page }) => {
  await open(page, home.current, 'settings');
  const limits = panel(page, 'Days and limits');
  await limits.getByLabel('Time zone').fill('Europe/Berln');
  await limits.getByLabel('Time zone').press('Enter');
  await expect(limits.getByRole('alert')).toContainText('did you mean Europe/Berlin?');
  await expectWritten('timezone = "Europe/Berlin"');
  await limits.getByLabel('Time zone').fill('Asia/Tokyo');
  await limits.getByLabel('Time zone').press('Enter');
  await expectWritten('timezone = "Asia/Tokyo"');
  await expect(limits.getByText('Saved').first()).toBeVisible();
  await limits.getByLabel('Time zone').fill('Europe/Berlin');
  await limits.getByLabel('Time zone').press('Enter');
  await expectWritten('timezone = "Europe/Berlin"');

  for (const [label, key] of [['Hold limits strictly', 'strict'], ['Refuse calls of an account that is empty', 'block_when_empty']] as const) {
    const box = limits.getByRole('checkbox', { name: label });
    const before = await box.isChecked();
    await box.click();
    await expectWritten(new RegExp(`^${key} = ${!before}$`, 'm'));
    await expect(box).toBeChecked({ checked: !before });
    await box.click();
    await expectWritten(new RegExp(`^${key} = ${before}$`, 'm'));
  }

  const calls = panel(page, 'Calls');
  await calls.getByRole('button', { name: 'For some days' }).click();
  await calls.getByLabel('Days').fill('soon');
  await calls.getByLabel('Days').press('Enter');
  await expect(calls.getByRole('alert')).toHaveText('Write a number of days, such as 365.');
  await calls.getByLabel('Days').fill('400');
  await calls.getByLabel('Days').press('Enter');
  await expectWritten(/400/);
  await calls.getByRole('button', { name: 'For good' }).click();
  await expectGone('400');

  const address = panel(page, 'Address');
  await address.getByLabel('Where Outlay listens').fill('127.0.0.1:4799');
  await address.getByLabel('Where Outlay listens').press('Enter');
  await expectWritten('listen = "127.0.0.1:4799"');
  await expect(page.getByRole('status').filter({ hasText: 'holds only after a restart' })).toBeVisible();
});

test('ways of alerts are set, tried and taken away', async ({ page }) => {
  const posted: string[] = [];
  const chat = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      posted.push(body);
      response.end('ok');
    });
  });
  await new Promise<void>((resolve) => chat.listen(0, '127.0.0.1', resolve));
  const hook = `http://127.0.0.1:${(chat.address() as AddressInfo).port}/secret`;

  await open(page, home.current, 'settings');
  const ways = panel(page, 'Notifications');
  await ways.getByRole('checkbox', { name: 'Show alerts on the desktop' }).click();
  await expectWritten('desktop = true');
  await ways.getByRole('checkbox', { name: 'Show alerts on the desktop' }).click();
  await expectWritten('desktop = false');

  await ways.getByRole('checkbox', { name: 'Quiet hours' }).click();
  await expectWritten('22:00-07:00');
  await ways.getByLabel('From').fill('21:30');
  await expectWritten('21:30-07:00');
  await ways.getByLabel('to', { exact: true }).fill('21:30');
  await expect(ways.getByRole('alert')).toHaveText('They begin and end at different times.');
  await ways.getByRole('checkbox', { name: 'Quiet hours' }).click();
  await expectGone('quiet_hours');

  await ways.getByRole('button', { name: 'Change webhooks…' }).click();
  await ways.getByLabel('Addresses').fill('chat.example');
  await ways.getByRole('button', { name: 'Save webhooks' }).click();
  await expect(ways.getByRole('alert')).toContainText('“chat.example” is no address');
  await ways.getByLabel('Addresses').fill(hook);
  await ways.getByRole('button', { name: 'Save webhooks' }).click();
  await expectWritten(hook);
  await expect(ways).toContainText('To 127.0.0.1');
  await expect(ways).not.toContainText('secret');

  await ways.getByRole('button', { name: 'Change command…' }).click();
  await ways.getByLabel('Command', { exact: true }).fill(`cat > '${home.current.folder}/told'`);
  await ways.getByRole('button', { name: 'Save command' }).click();
  await expect(ways).toContainText('One is set. It is run for each alert.');
  await expectWritten('command = ');

  await ways.getByRole('button', { name: 'Send a test' }).click();
  await expect(ways.getByRole('listitem').filter({ hasText: 'Command arrived' })).toBeVisible();
  await expect(ways.getByRole('listitem').filter({ hasText: /^ ?Webhook .* arrived/ })).toBeVisible();
  expect(home.current.read('told')).toContain('the dashboard');
  expect(posted.join()).toContain('the dashboard');
  await ways.getByRole('button', { name: 'Hide the result' }).click();
  await expect(ways.getByRole('button', { name: 'Send a test' })).toBeFocused();

  await ways.getByRole('button', { name: 'Change command…' }).click();
  await ways.getByRole('button', { name: 'Remove the command' }).click();
  await expectGone('command = ');
  await ways.getByRole('button', { name: 'Change webhooks…' }).click();
  await ways.getByLabel('Addresses').fill('');
  await ways.getByRole('button', { name: 'Remove all webhooks' }).click();
  await expectGone(hook);
  chat.close();
});

test('the ledger is copied, and the look is remembered', async ({ page }) => {
  await open(page, home.current, 'settings');
  const data = panel(page, 'Your data');
  await expect(data).toContainText(home.current.folder);
  await data.getByRole('button', { name: 'Back up now' }).click();
  const copied = data.getByRole('status').filter({ hasText: 'The ledger is copied to' });
  const file = await copied.locator('code').innerText();
  expect(existsSync(file)).toBe(true);
  expect(statSync(file).size).toBeGreaterThan(100_000);

  const look = panel(page, 'Appearance');
  await look.getByRole('button', { name: 'Dark' }).click();
  await look.getByRole('button', { name: 'Every digit' }).click();
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(look.getByRole('button', { name: 'Every digit' })).toHaveAttribute('aria-pressed', 'true');
});

test('settings are changed and tried by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('9');
  const ways = panel(page, 'Notifications');
  await pressAt(page, ways.getByRole('checkbox', { name: 'Quiet hours' }), 'Space');
  await expectWritten('22:00-07:00');
  await expect(ways.getByRole('checkbox', { name: 'Quiet hours' })).toBeFocused();
  await page.keyboard.press('Space');
  await expectGone('quiet_hours');
  const command = ways.getByRole('button', { name: 'Change command…' });
  await pressAt(page, command, 'Enter');
  await typeAt(page, ways.getByLabel('Command', { exact: true }), 'true');
  await page.keyboard.press('Enter');
  await expectWritten('command = "true"');
  await expectFocusKept(page);
  const test_ = ways.getByRole('button', { name: 'Send a test' });
  await pressAt(page, test_, 'Enter');
  await expect(ways.getByRole('listitem').filter({ hasText: 'Command arrived' })).toBeVisible();
  await expect(test_).toBeFocused();
  await pressAt(page, ways.getByRole('button', { name: 'Hide the result' }), 'Enter');
  await expect(test_).toBeFocused();
  await typeAt(page, panel(page, 'Days and limits').getByLabel('Time zone'), 'UTC');
  await page.keyboard.press('Enter');
  await expectWritten('timezone = "UTC"');
  await pressAt(page, panel(page, 'Calls').getByRole('button', { name: 'For some days' }), 'Enter');
  await typeAt(page, panel(page, 'Calls').getByLabel('Days'), '90');
  await page.keyboard.press('Tab');
  await expectWritten(/90/);
  const back = page.getByRole('button', { name: 'Back up now' });
  await tabTo(page, back);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('status').filter({ hasText: 'The ledger is copied to' })).toBeVisible();
  await expect(back).toBeFocused();
});
