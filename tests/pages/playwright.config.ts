import { defineConfig } from '@playwright/test';

/** Started by `tests/tests/pages.rs`, which prepares the homes that the specs copy. */
export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  // A file's tests share its home; files run beside each other.
  fullyParallel: false,
  workers: 2,
  forbidOnly: true,
  // A press may meet a page that is just drawn anew. What passes only then is listed as flaky, and wants mending.
  retries: 1,
  timeout: 180_000,
  // Long, because a loaded machine is slow; no test passes because of it.
  expect: { timeout: 30_000 },
  reporter: [['list']],
  outputDir: process.env.OUTLAY_PAGES_OUT ?? 'results',
  use: {
    browserName: 'chromium',
    launchOptions: { executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] },
    viewport: { width: 1280, height: 900 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    trace: 'off',
    screenshot: 'only-on-failure',
    actionTimeout: 30_000,
  },
});
