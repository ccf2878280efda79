import { expect, it } from 'vitest';

const SOURCES = import.meta.glob<string>(['./**/*.ts', './**/*.svelte', '!./**/*.test.ts'], { query: '?raw', import: 'default', eager: true });

it('sends only text: a Blob or a form as a body ends the process of the desktop window', () => {
  const sources = Object.entries(SOURCES);
  expect(sources.length).toBeGreaterThan(50);
  const others = sources.filter(([, text]) => /new (Blob|File|FormData|ReadableStream)\b/.test(text));
  expect(others.map(([name]) => name)).toEqual([]);
});
