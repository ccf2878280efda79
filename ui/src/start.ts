/** The guide for a first run: what is done already, as the server knows it, and what comes next. */

import { allImported } from './importing';
import type { Logs, Service, Suggestion, Tool } from './types';

export const STEPS = ['logs', 'limits', 'tools', 'service'] as const;
export type Step = (typeof STEPS)[number];

/** `none`: there is nothing to do here; `unknown`: not asked yet, or without an answer. */
export type StepState = 'unknown' | 'todo' | 'done' | 'none';

export interface Facts {
  logs: Logs | null;
  /** How many budgets there are. */
  budgets: number;
  tools: readonly Tool[] | null;
  service: Service | null;
}

export function stateOf(step: Step, { logs, budgets, tools, service }: Facts): StepState {
  switch (step) {
    case 'logs':
      if (logs === null) return 'unknown';
      return logs.sources.length === 0 ? 'none' : allImported(logs) ? 'done' : 'todo';
    case 'limits':
      return budgets > 0 ? 'done' : 'todo';
    case 'tools': {
      if (tools === null) return 'unknown';
      const here = connectable(tools);
      return here.length === 0 ? 'none' : here.every((tool) => tool.connected) ? 'done' : 'todo';
    }
    case 'service':
      if (service === null) return 'unknown';
      return !service.supported ? 'none' : service.installed && service.running ? 'done' : 'todo';
  }
}

/** The first step that is still to be done and was not skipped; `null` when the guide is through. */
export function currentStep(facts: Facts, skipped: readonly Step[]): Step | null {
  return STEPS.find((step) => !skipped.includes(step) && ['todo', 'unknown'].includes(stateOf(step, facts))) ?? null;
}

/** Found tools whose settings can be written. */
export function connectable(tools: readonly Tool[]): Tool[] {
  return tools.filter((tool) => tool.connectable && tool.found);
}

/** Why these limits are suggested, or why none. */
export function suggestionWords({ days, day_usd, month_usd, spent_usd }: Suggestion, format: (usd: string) => string): string {
  if (day_usd !== null && month_usd !== null) {
    return `On nine in ten of the last ${days} days you stayed under ${format(day_usd)}; 30 days came to ${format(spent_usd)}.`;
  }
  return days < 7 ? 'There are too few days yet to suggest a limit from them. Many begin with $5 a day and $100 a month.' : 'Nothing was owed so far, so none is suggested. Many begin with $5 a day and $100 a month.';
}

/** An amount as one types it: `4`, `2.50`; `null` where it is none. */
export function amountOf(typed: string): string | null {
  const amount = typed.trim().replace(/^\$/, '');
  return /^\d{1,9}(\.\d{1,12})?$/.test(amount) && Number(amount) > 0 ? amount : null;
}
