import { describe, expect, it } from 'vitest';
import { baseUrl, inOrder, logWords, standingOf } from './connecting';
import { tool, tools } from './fixtures/tools';

describe('a tool', () => {
  it.each([
    [{}, 'Not connected', 'plug'],
    [{ connected: true }, 'Connected', 'check'],
    [{ connected: true, problem: 'No proxy answers.' }, 'Connected, but look at it', 'triangle'],
    [{ problem: 'Its settings are no JSON.' }, 'Needs a look', 'triangle'],
    [{ found: false }, 'Not found here', 'cross'],
    [{ connectable: false }, 'By its logs alone', 'list'],
  ])('%o is %s', (parts, word, icon) => expect(standingOf(tool(parts))).toMatchObject({ word, icon }));

  it('stands where one looks for it', () => {
    const { here, byLogs, missing } = inOrder(tools);
    expect([here, byLogs, missing].map((each) => each.map((one) => one.tool))).toEqual([['claude-code', 'codex'], ['llm'], ['opencode']]);
  });

  it('has logs or none', () => {
    expect(logWords(tool())).toBe('412 logs found');
    expect(logWords(tool({ logs: { files: 1, last_modified: null } }))).toBe('1 log found');
    expect(logWords(tool({ logs: null }))).toBeNull();
  });
});

describe('the address to type', () => {
  it.each([
    ['127.0.0.1:4790', 'http://127.0.0.1:4790'],
    ['0.0.0.0:4780', 'http://127.0.0.1:4780'],
    ['[::]:4780', 'http://127.0.0.1:4780'],
    [null, 'http://127.0.0.1:4780'],
  ])('of %s is %s', (listen, expected) => expect(baseUrl(listen)).toBe(expected));
});
