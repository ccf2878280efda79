import { expect, test } from 'vitest';
import { outsideNote } from './outside';

test('what did not pass here is told by tool', () => {
  const of = (tool: string, cost_usd: string, plan_value_usd: string) => {
    return { tool, calls: 1, unpriced_calls: 0, cost_usd, plan_value_usd };
  };
  for (const [outside, expected] of [
    [[], null],
    [[of('claude-code', '4.10', '0.00')], 'Did not pass Outlay: Claude Code $4.10'],
    [[of('pi', '0.00', '2.00')], 'Did not pass Outlay: pi $2.00 at API prices under a subscription'],
    [
      [of('codex', '1.00', '2.50'), of('llm', '0.0002', '0.00')],
      'Did not pass Outlay: Codex $1.00 and $2.50 at API prices under a subscription, llm $0.0002',
    ],
  ] as const) {
    expect(outsideNote([...outside])).toBe(expected);
  }
});
