import { defineConfig } from '@playwright/test';

/** Started by `tests/tests/pages.rs`, which seeds a ledger and serves it. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  // One ledger serves them all.
  workers: 1,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  outputDir: process.env.OUTLAY_PAGES_OUT ?? 'results',
  use: {
    browserName: 'chromium',
    launchOptions: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] },
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    trace: 'off',
  },
});
