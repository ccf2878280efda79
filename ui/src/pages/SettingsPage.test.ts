import { afterEach, describe, expect, it } from 'vitest';
import { ApiError } from '../api';
import { field, leave, MemoryApi, press, settle, showAt, textOf, type } from '../fixtures/memory-api';
import { settings } from '../fixtures/tools';

afterEach(leave);

describe('settings', () => {
  it('are saved at once, each with a word that it was', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/settings');
    field('settings-notifications', /^Show alerts/).click();
    await settle();
    expect(api.done).toContain('{"notifications":{"desktop":false}}');
    expect(textOf('settings-notifications')).toContain('Saved');
  });

  it('go back where the API says no', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/settings');
    api.failure = new ApiError('failed', "'Berlin' is no time zone.");
    await type('settings-limits', /^Time zone/, 'Berlin');
    expect(textOf('settings-limits')).toContain("'Berlin' is no time zone.");
    expect(field('settings-limits', /^Time zone/).value).toBe('Europe/Berlin');
    field('settings-limits', /^Hold limits/).click();
    await settle();
    expect(field('settings-limits', /^Hold limits/).checked).toBe(false);
  });

  it('keep calls for so many days, and for good again', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/settings');
    await press('settings-calls', /For some days/);
    await type('settings-calls', /^Days/, 'a year');
    expect(textOf('settings-calls')).toContain('Write a number of days');
    await type('settings-calls', /^Days/, '400');
    expect(api.done).toContain('{"keep_days":400}');
    await press('settings-calls', /For good/);
    expect(api.done).toContain('{"keep_days":null}');
  });

  it('say when a restart is needed, and back up', async () => {
    const api = new MemoryApi();
    api.currentSettings = { ...settings, restart_needed: true };
    await showAt(api, '#/settings');
    expect(textOf('restart-needed')).toContain('outlay service restart');
    await press('settings-data', /Back up now/);
    expect(textOf('backup')).toBe('The ledger is copied to /data/outlay.db (2.0 MB).');
  });
});
