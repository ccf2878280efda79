import { expect, it } from 'vitest';
import { actionOf, pageOf, SHORTCUTS } from './keyboard';
import { PAGES } from './route';

const plain = { ctrlKey: false, metaKey: false, altKey: false, target: null };

it.each([
  ['1', {}, 'go overview'],
  ['5', {}, 'go budgets'],
  ['t', {}, 'theme'],
  ['T', {}, 'theme'],
  ['?', {}, 'help'],
  ['a', {}, 'go alerts'],
  ['r', {}, 'refresh'],
  ['r', { ctrlKey: true }, null],
  ['t', { metaKey: true }, null],
  ['t', { target: document.createElement('input') }, null],
  ['t', { target: document.createElement('button') }, 'theme'],
  ['0', {}, null],
  ['Enter', {}, null],
])('%s %j', (key, parts, action) => {
  expect(actionOf({ ...plain, ...parts, key })).toBe(action);
});

it('reaches every page but the guide', () => {
  const reached = SHORTCUTS.map((shortcut) => pageOf(shortcut.action)).filter((page) => page !== null);
  expect(new Set(reached)).toEqual(new Set(PAGES.filter((page) => page !== 'start')));
});
