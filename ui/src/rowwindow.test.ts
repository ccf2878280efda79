import { expect, it } from 'vitest';
import { drawnOf } from './rowwindow.svelte';

it.each<[string, Parameters<typeof drawnOf>, ReturnType<typeof drawnOf>]>([
  ['the first, where the table begins below', [5000, 30, -400, 900], { first: 0, end: 41, above: 0, below: 148_770 }],
  ['those in view and some beyond', [5000, 30, 3000, 900], { first: 76, end: 154, above: 2280, below: 145_380 }],
  ['the last', [5000, 30, 149_500, 900], { first: 4959, end: 5000, above: 148_770, below: 0 }],
  ['all where they are few', [10, 30, 0, 900], { first: 0, end: 10, above: 0, below: 0 }],
  ['none of none', [0, 30, 0, 900], { first: 0, end: 0, above: 0, below: 0 }],
  ['something where the table is far below', [100, 30, -5000, 900], { first: 0, end: 24, above: 0, below: 2280 }],
  ['the last where the table is far above', [100, 30, 9000, 900], { first: 99, end: 100, above: 2970, below: 0 }],
])('of a table are drawn %s', (_name, given, expected) => expect(drawnOf(...given)).toEqual(expected));
