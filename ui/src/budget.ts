/** What a budget says to the person who set it. */

import * as money from './money';
import type { Amount, Budget, BudgetState, BudgetUnit } from './types';

/** A budget's state in a word, and what that means. */
export const STATE_WORDS: Record<BudgetState, { label: string; meaning: string }> = {
  ok: { label: 'On track', meaning: 'Calls go through.' },
  warned: { label: 'Getting close', meaning: 'A warning level was passed; calls still go through.' },
  waiting: { label: 'Calls waiting', meaning: 'Calls wait for running ones to give money back.' },
  blocked: { label: 'Refusing calls', meaning: 'The limit is used up; further calls are refused.' },
  paused: { label: 'Paused', meaning: 'This budget is switched off for now.' },
  bypassed: { label: 'Bypassed', meaning: 'No limit refuses calls at the moment.' },
};

/** The state in a word; a soft budget past its limit is over, though it refuses nothing, and one that will be used up is not on track. */
export function stateLabel(budget: Budget): string {
  if (isOver(budget) && budget.state === 'warned') return 'Over its limit';
  if (budget.state === 'waiting' && budget.waiting > 0) {
    return budget.waiting === 1 ? '1 call waiting' : `${budget.waiting} calls waiting`;
  }
  if (budget.state === 'ok' && budget.forecast.outlook === 'expected') return 'Will not last';
  if (budget.state === 'ok' && budget.forecast.outlook === 'possible') return 'May not last';
  return STATE_WORDS[budget.state].label;
}

/** Whether more was spent than the limit allows. */
export function isOver(budget: Budget): boolean {
  return toExact(budget.used) > toExact(budget.limit);
}

/** How far over the limit it is; `null` where it is not. */
export function overBy(budget: Budget): string | null {
  if (!isOver(budget)) return null;
  const excess = toExact(budget.used) - toExact(budget.limit);
  return budget.unit === 'USD' ? money.format(excess) : formatCount(excess, budget.unit);
}

/** What `used` and `held` fill of the bar, each from 0 to 1 and never more than 1 together. */
export function barShares(budget: Budget): { used: number; held: number } {
  const limit = toExact(budget.limit);
  if (limit <= 0n) return { used: toExact(budget.used) > 0n ? 1 : 0, held: 0 };
  const used = Math.min(1, Math.max(0, money.ratio(toExact(budget.used), limit)));
  const held = Math.min(1 - used, Math.max(0, money.ratio(toExact(budget.held), limit)));
  return { used, held };
}

/** An amount in a budget's unit, for reading. */
export function formatAmount(amount: Amount, unit: BudgetUnit): string {
  return unit === 'USD' ? money.format(money.parse(String(amount))) : formatCount(toExact(amount), unit);
}

/** An amount beside the limit it has or has not reached. */
export function formatOf(amount: Amount, limit: Amount, unit: BudgetUnit): string {
  if (unit !== 'USD') return BigInt(amount).toLocaleString('en-US');
  return money.formatAgainst(money.parse(String(amount)), money.parse(String(limit)));
}

/** Whether an amount is more than nothing. */
export function isSome(amount: Amount): boolean {
  return toExact(amount) > 0n;
}

/** Whether a window rolls: what is spent leaves it bit by bit, and it never starts anew. */
export function isRolling(window: string): boolean {
  return /^\d+[mhd]$/.test(window);
}

/** A window in words: `per day`, `in total`, `in any 5 hours`. */
export function windowWords(window: string): string {
  const rolling = /^(\d+)([mhd])$/.exec(window);
  if (rolling) {
    const unit = { m: 'minutes', h: 'hours', d: 'days' }[rolling[2] as 'm' | 'h' | 'd'];
    return `in any ${rolling[1]} ${rolling[1] === '1' ? unit.slice(0, -1) : unit}`;
  }
  return window === 'total' ? 'in total' : `per ${window}`;
}

/** What a budget applies to: `all calls`, or `project demo, model gpt-4.1`. */
export function scopeWords(scope: Record<string, string>): string {
  const parts = Object.entries(scope).map(([dimension, value]) => `${dimension} ${value}`);
  return parts.length === 0 ? 'all calls' : parts.join(', ');
}

/**
 * The budget to set beside a total of everything: the money budget on all calls over that window,
 * the fullest one where there are several.
 */
export function overallBudget(budgets: readonly Budget[], window: 'day' | 'month'): Budget | null {
  const fitting = budgets.filter(
    (budget) => budget.window === window && budget.unit === 'USD' && Object.keys(budget.scope).length === 0,
  );
  return fitting.reduce<Budget | null>((fullest, each) => (fullest && fullest.percent >= each.percent ? fullest : each), null);
}

/**
 * The command that lets calls go on: raises the limit by a round amount, more than the overrun and
 * at least a third of the limit.
 */
export function raiseCommand(budget: Budget): string {
  return `outlay budget raise ${quoted(budget.name)} --by ${raiseBy(budget)}`;
}

/** By how much that is, as one types it. */
export function raiseBy(budget: Budget): string {
  const limit = toExact(budget.limit);
  const overrun = toExact(budget.used) + toExact(budget.held) - limit;
  const third = limit / 3n;
  const by = roundUp(overrun >= third ? overrun + 1n : third);
  return budget.unit === 'USD' ? money.toText(by).replace(/\.00$/, '') : by.toString();
}

/** Until when a raise made now holds. */
export function raiseEnd(budget: Pick<Budget, 'window' | 'reset_date'>): string {
  if (isRolling(budget.window)) return `for ${budget.window}`;
  return budget.reset_date ? 'until it resets' : 'for good';
}

/** A name as one word for a shell. */
export function quoted(name: string): string {
  return /^[\w./:@%+-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}

/** The smallest 1, 2 or 5 times a power of ten that is not below the amount. */
function roundUp(amount: bigint): bigint {
  if (amount <= 0n) return 1n;
  let power = 10n ** BigInt(amount.toString().length - 1);
  for (const digit of [1n, 2n, 5n]) if (digit * power >= amount) return digit * power;
  power *= 10n;
  return power;
}

/** Picodollars of money; tokens and calls as they are. */
export function toExact(amount: Amount): bigint {
  return typeof amount === 'number' ? BigInt(amount) : money.parse(amount);
}

function formatCount(count: bigint, unit: BudgetUnit): string {
  return `${count.toLocaleString('en-US')} ${unit}`;
}
