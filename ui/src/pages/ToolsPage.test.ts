import { afterEach, describe, expect, it } from 'vitest';
import { byTestId, leave, MemoryApi, press, settle, showAt, textOf } from '../fixtures/memory-api';
import { importDone } from '../fixtures/tools';

afterEach(leave);

describe('tools', () => {
  it('are connected after their lines were shown', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/tools');
    await press('tools', /Connect/);
    expect(api.done).toContain('connect claude-code dry');
    expect(textOf('diff')).toMatch(/Added: "env".*Removed: "theme"/);
    await press('tool-dialog', /Write these changes/);
    expect(api.done).toContain('connect claude-code');
    expect(textOf('tool-dialog')).toContain('/home/sam/.claude/settings.json.outlay.bak');
    await press('tool-dialog', /Done/);
    expect(document.querySelector<HTMLElement>('[data-tool="claude-code"]')?.dataset.connected).toBe('true');
  });

  it('are put back', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/tools');
    await press('tools', /Undo/);
    await press('tool-dialog', /Put its settings back/);
    expect(api.done).toContain('disconnect codex');
    expect(textOf('tool-written')).toContain('Codex is as it was');
  });

  it('have their logs imported, and say what came of it', async () => {
    const api = new MemoryApi();
    await showAt(api, '#/tools');
    await press('import-logs', /^Import/);
    expect(byTestId('import-logs')?.querySelector('progress')?.value).toBe(0.5);
    api.currentImports = importDone;
    await settle(600);
    expect(textOf('import-result')).toMatch(/1,204 new calls were imported\./);
    expect(textOf('import-logs')).toContain('1,204 new calls, 30 also passed the proxy, 2 lines could not be read');
  });
});
