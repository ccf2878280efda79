import { describe, expect, it } from 'vitest';
import { hrefOf, parseRoute } from './route';

describe('addresses', () => {
  it.each([
    ['', 'overview', null, ''],
    ['#/', 'overview', null, ''],
    ['#code=abc', 'overview', null, ''],
    ['#/?days=7&by=project', 'overview', null, 'days=7&by=project'],
    ['#/nowhere', 'overview', null, ''],
    ['#/calls', 'calls', null, ''],
    ['#/calls?status=refused&model=gpt-5.1', 'calls', null, 'status=refused&model=gpt-5.1'],
    ['#/calls/01', 'calls', '01', ''],
    ['#/budgets/opus%20tokens', 'budgets', 'opus tokens', ''],
    ['#/budgets/50%', 'budgets', '50%', ''],
  ] as const)('%s', (hash, page, id, query) => {
    const route = parseRoute(hash);
    expect([route.page, route.id, route.query.toString()]).toEqual([page, id, query]);
  });

  it('are made to be read again', () => {
    const href = hrefOf('budgets', 'a/b c', { from: 'x&y', empty: '' });
    expect(href).toBe('#/budgets/a%2Fb%20c?from=x%26y');
    const route = parseRoute(href);
    expect([route.id, route.query.get('from')]).toEqual(['a/b c', 'x&y']);
    expect(hrefOf('overview')).toBe('#/');
  });
});
