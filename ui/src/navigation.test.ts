import { beforeEach, describe, expect, it } from 'vitest';
import { navigation } from './navigation.svelte';

const PAGE_KEY = 'outlay.page';

function opened(hash: string, isWindow: boolean): string {
  location.hash = hash;
  navigation.start(isWindow)();
  return navigation.route.page;
}

describe('the page last shown', () => {
  beforeEach(() => localStorage.clear());

  it.each([
    ['', 'budgets', true, 'budgets'],
    ['#/calls', 'budgets', true, 'calls'],
    ['', null, true, 'overview'],
    ['', 'nowhere', true, 'overview'],
    ['', 'budgets', false, 'overview'],
  ])('address %j, kept %j, in the window %s: %s', (hash, kept, isWindow, expected) => {
    if (kept !== null) localStorage.setItem(PAGE_KEY, kept);
    expect(opened(hash, isWindow)).toBe(expected);
  });

  it('is kept in the window without what was on it, and in no browser', () => {
    opened('#/calls/0193?status=refused', true);
    expect(localStorage.getItem(PAGE_KEY)).toBe('calls');
    opened('#/reports', false);
    expect(localStorage.getItem(PAGE_KEY)).toBe('calls');
  });
});
