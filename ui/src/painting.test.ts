import { expect, it } from 'vitest';

const SOURCES = import.meta.glob<string>(['./**/*.css', './**/*.svelte'], { query: '?raw', import: 'default', eager: true });

it('has nothing that is blurred: where no graphics card paints, that takes longer than all the rest of a page', () => {
  const sources = Object.entries(SOURCES);
  expect(sources.length).toBeGreaterThan(50);
  const blurred = /box-shadow:(?!\s*(?:none|0 0 0 \d+px [^,;]+);)|text-shadow:|backdrop-filter:|filter:\s*(?:blur|drop-shadow)/;
  expect(sources.filter(([, text]) => blurred.test(text)).map(([name]) => name)).toEqual([]);
});
