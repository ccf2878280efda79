/** What putting a plan in use does, in words. */

import { formatAmount } from './budget';
import * as money from './money';
import type { Budget, Plan } from './types';

const WINDOWS = ['day', 'week', 'month', 'total'] as const;
const WINDOW_WORDS = { day: 'a day', week: 'a week', month: 'a month', total: 'in total' } as const;

/** What it sets: `$5.00 a day, $100.00 a month`. */
export function limitsWords(plan: Plan): string {
  const limits = WINDOWS.flatMap((window) => {
    const limit = plan[window];
    return limit === null ? [] : [`${money.format(money.parse(limit)).replace(/\.00$/, '')} ${WINDOW_WORDS[window]}`];
  });
  return limits.length === 0 ? 'No limits' : limits.join(', ');
}

/** What it does to the budgets that there are, a line each; none where it only adds. */
export function replacedWords(plan: Plan, inUse: Plan | null, budgets: readonly Budget[]): string[] {
  return WINDOWS.flatMap((window) => {
    const budget = budgets.find((each) => each.name === window);
    if (budget === undefined) return [];
    const limit = plan[window];
    const now = formatAmount(budget.limit, budget.unit);
    if (limit === null) return inUse?.[window] == null ? [] : [`Takes away ${window} (${now}), where plan ${inUse.name} made it`];
    const next = money.format(money.parse(limit));
    const isSoft = budget.kind === 'soft';
    if (next === now) return isSoft ? [`Makes ${window} refuse calls at ${now}`] : [];
    return [`Changes ${window} from ${now} to ${next}${isSoft ? ', and makes it refuse calls' : ''}`];
  });
}
