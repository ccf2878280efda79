/** Tools: connected after each changed line was seen, put back to the byte; logs imported; the service set up. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import type { Imports, ServiceView } from '../../ui/src/generated';
import { open, panel } from './dashboard';
import { ownHome } from './home';
import { expectFocusKept, pressAt, tabTo } from './keyboard';
import { playSystemd } from './service';

const home = ownHome('logs');

const CODEX = '.codex/config.toml';
const BEFORE = '# mine\nmodel = "gpt-5"   # the usual one\n\n[tui]\ntheme = "dark"\n';
const dialog = (page: Page) => page.getByRole('dialog');
const tool = (page: Page, name: string) => panel(page, 'Tools on this computer').getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) });

test.beforeAll(() => home.current.write(CODEX, BEFORE));

test('a tool is connected after its changes were shown, and put back as it was', async ({ page }) => {
  await open(page, home.current, 'tools');
  await expect(tool(page, 'Codex')).toContainText('Not connected');
  await tool(page, 'Codex').getByRole('button', { name: 'Connect… Codex' }).click();
  const changes = dialog(page).getByRole('region', { name: /config\.toml$/ });
  await expect(changes.getByRole('listitem').filter({ hasText: 'Added:' })).toContainText([home.current.address]);
  expect(home.current.read(CODEX), 'nothing is written before').toBe(BEFORE);
  await dialog(page).getByRole('button', { name: 'Leave it as it is' }).click();
  expect(home.current.read(CODEX)).toBe(BEFORE);

  await tool(page, 'Codex').getByRole('button', { name: 'Connect… Codex' }).click();
  await dialog(page).getByRole('button', { name: 'Write these changes' }).click();
  await expect(dialog(page).getByRole('status').filter({ hasText: 'Codex is connected' })).toBeVisible();
  const backup = await dialog(page).getByText('The file as it was:').locator('code').innerText();
  expect(home.current.read(backup.replace(home.current.folder, ''))).toBe(BEFORE);
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await expect(tool(page, 'Codex')).toContainText('Connected');
  const after = home.current.read(CODEX);
  expect(after).toContain(home.current.address);
  expect(after).toContain('# the usual one');
  expect(home.current.outlay('connect')).toMatch(new RegExp(`^codex .*http://${home.current.address}`, 'm'));

  await tool(page, 'Codex').getByRole('button', { name: 'Undo… Codex' }).click();
  await dialog(page).getByRole('button', { name: 'Put its settings back' }).click();
  await expect(dialog(page).getByRole('status').filter({ hasText: 'Codex is as it was' })).toBeVisible();
  await expect(dialog(page).getByRole('listitem').filter({ hasText: 'Removed:' })).toContainText([home.current.address]);
  expect(home.current.read(CODEX), 'to the byte').toBe(BEFORE);
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await expect(tool(page, 'Codex')).toContainText('Not connected');
});

test('a tool with a status line gets it where it is wanted', async ({ page }) => {
  await open(page, home.current, 'tools');
  await tool(page, 'Claude Code').getByRole('button', { name: 'Connect… Claude Code' }).click();
  await expect(dialog(page).getByText('outlay statusline')).toBeHidden();
  await dialog(page).getByRole('checkbox', { name: /status line/ }).check();
  await expect(dialog(page).getByRole('listitem').filter({ hasText: 'outlay statusline' })).toBeVisible();
  await dialog(page).getByRole('button', { name: 'Write these changes' }).click();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await expect(tool(page, 'Claude Code')).toContainText('with its status line');
  expect(home.current.read('.claude/settings.json')).toContain('outlay statusline');
  await tool(page, 'Claude Code').getByRole('button', { name: 'Undo… Claude Code' }).click();
  await dialog(page).getByRole('button', { name: 'Put its settings back' }).click();
  await dialog(page).getByRole('button', { name: 'Done' }).click();
  await expect(tool(page, 'Claude Code')).toContainText('Not connected');
  expect(existsSync(join(home.current.folder, '.claude/settings.json')), 'there was none').toBe(false);
});

test('settings that cannot be read are left, and said so', async ({ page }) => {
  home.current.write('.qwen/settings.json', '{ broken');
  await open(page, home.current, 'tools');
  await expect(tool(page, 'Qwen Code')).toContainText('cannot be changed safely');
  await tool(page, 'Qwen Code').getByRole('button', { name: /^Connect…/ }).click();
  await expect(dialog(page).getByRole('alert')).toContainText('cannot be changed safely');
  await dialog(page).getByRole('button', { name: 'Close' }).click();
  expect(home.current.read('.qwen/settings.json')).toBe('{ broken');
});

test('addresses are copied', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, home.current, 'tools');
  const base = `http://${home.current.address}/openai/v1`;
  await page.getByRole('button', { name: `Copy ${base}` }).click();
  await expect(page.getByText('Copied').first()).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(base);
});

test('logs are imported, and once', async ({ page }) => {
  await open(page, home.current, 'tools');
  const logs = panel(page, 'Logs');
  await expect(logs.getByRole('listitem').filter({ hasText: 'Codex' })).toContainText('Not imported yet');
  await logs.getByRole('button', { name: 'Import', exact: true }).click();
  await expect(logs.getByRole('status').filter({ hasText: /[\d,]+ new calls were imported/ })).toBeVisible();
  const { last } = await home.current.api<Imports>('/imports');
  const calls = last!.sources.reduce((sum, source) => sum + source.calls, 0);
  await expect(logs).toContainText(`${calls} new calls were imported`);
  await logs.getByRole('button', { name: 'Import what is new' }).click();
  await expect(logs.getByRole('status').filter({ hasText: 'Nothing was new.' })).toBeVisible();
});

test('the service is set up and removed', async ({ page }) => {
  await playSystemd(home.current);
  await open(page, home.current, 'tools');
  const service = panel(page, 'Keep it running');
  await expect(service).toContainText('Runs only while you let it');
  await service.getByRole('button', { name: 'Keep it running' }).click();
  await expect(service.getByRole('button', { name: 'Remove the service' })).toBeVisible();
  const { file } = await home.current.api<ServiceView>('/service');
  expect(file).toContain(home.current.folder);
  expect(existsSync(file!)).toBe(true);
  await pressAt(page, service.getByRole('button', { name: 'Remove the service' }), 'Enter');
  await expect(service.getByRole('button', { name: 'Keep it running' })).toBeVisible();
  await expectFocusKept(page);
  expect(existsSync(file!)).toBe(false);
});

test('a tool is connected and put back by keyboard', async ({ page }) => {
  await open(page, home.current);
  await page.keyboard.press('8');
  const connect = tool(page, 'Codex').getByRole('button', { name: 'Connect… Codex' });
  await pressAt(page, connect, 'Enter');
  await expect(dialog(page).getByRole('button', { name: 'Write these changes' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(connect).toBeFocused();
  await page.keyboard.press('Space');
  await tabTo(page, dialog(page).getByRole('region', { name: /config\.toml$/ }));
  await pressAt(page, dialog(page).getByRole('button', { name: 'Write these changes' }), 'Enter');
  await expect(dialog(page)).toContainText('Codex is connected');
  await pressAt(page, dialog(page).getByRole('button', { name: 'Done' }), 'Enter');
  const undo = tool(page, 'Codex').getByRole('button', { name: 'Undo… Codex' });
  await expect(undo).toBeFocused();
  await page.keyboard.press('Enter');
  await pressAt(page, dialog(page).getByRole('button', { name: 'Put its settings back' }), 'Enter');
  await expect(dialog(page)).toContainText('Codex is as it was');
  await pressAt(page, dialog(page).getByRole('button', { name: 'Done' }), 'Space');
  await expect(tool(page, 'Codex').getByRole('button', { name: 'Connect… Codex' })).toBeFocused();
  expect(home.current.read(CODEX)).toBe(BEFORE);
});
