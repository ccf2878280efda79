import { expect, it } from 'vitest';
import { actionOf } from './keyboard';

const plain = { ctrlKey: false, metaKey: false, altKey: false, target: null };

it.each([
  ['1', {}, 'budgets'],
  ['4', {}, 'calls'],
  ['t', {}, 'theme'],
  ['T', {}, 'theme'],
  ['?', {}, 'help'],
  ['a', {}, 'alerts'],
  ['r', {}, 'refresh'],
  ['r', { ctrlKey: true }, null],
  ['t', { metaKey: true }, null],
  ['t', { target: document.createElement('input') }, null],
  ['t', { target: document.createElement('button') }, 'theme'],
  ['5', {}, null],
  ['Enter', {}, null],
])('%s %j', (key, parts, action) => {
  expect(actionOf({ ...plain, ...parts, key })).toBe(action);
});
