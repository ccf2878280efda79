import { describe, expect, it } from 'vitest';
import { diffLines, diffWords } from './diff';
import { connection } from './fixtures/tools';

describe('a diff', () => {
  const lines = diffLines(connection.changes[0]!.diff);

  it('is read line by line, without the names of files', () => {
    expect(lines.map(({ kind, text }) => `${kind} ${text}`)).toEqual([
      'same {',
      'added   "env": {',
      'added     "ANTHROPIC_BASE_URL": "http://127.0.0.1:4780/anthropic"',
      'added   },',
      'removed   "theme": "dark"',
      'added   "theme": "dark",',
      'same }',
    ]);
  });

  it('says how much changes', () => {
    expect(diffWords(lines)).toBe('4 lines added, 1 removed');
    expect(diffWords([{ kind: 'removed', text: '' }])).toBe('1 line removed');
    expect(diffWords([])).toBe('Nothing changes');
  });

  it('keeps parts apart, and lines that look like headings', () => {
    expect(diffLines('--- a\n+++ a\n@@ -1 +1 @@\n--- x\n@@ -9 +9 @@\n+y\n').map((line) => line.kind)).toEqual(['removed', 'skip', 'added']);
  });
});
