/** What tools spent without passing here, in words. */

import { format, parse } from './money';
import type { Outside } from './types';

const TITLES: Record<string, string> = {
  'claude-code': 'Claude Code',
  codex: 'Codex',
  'gemini-cli': 'Gemini CLI',
  qwen: 'Qwen Code',
  cline: 'Cline',
  csv: 'a table',
};

/** One sentence; `null` where all that is known passed here. */
export function outsideNote(outside: Outside[]): string | null {
  const parts = outside.map((sum) => {
    const tool = TITLES[sum.tool] ?? sum.tool;
    const [owed, value] = [parse(sum.cost_usd), parse(sum.plan_value_usd)];
    const plan = `${format(value)} at API prices under a subscription`;
    if (value === 0n) return `${tool} ${format(owed)}`;
    return owed === 0n ? `${tool} ${plan}` : `${tool} ${format(owed)} and ${plan}`;
  });
  return parts.length === 0 ? null : `Did not pass Outlay: ${parts.join(', ')}`;
}
