/** Decides what, if anything, the banners above the page say. */

import { isOver, quoted, raiseCommand } from './budget';
import { emptyWords, isLow } from './balance';
import * as money from './money';
import { formatInstant, formatRelative, type Display } from './time';
import type { Balance, Blocked, Budget, Bypass, Status } from './types';

/** One thing worth saying, with the command that changes it where there is one. */
export interface BannerItem {
  /** Stable across reloads. */
  id: string;
  /** What is the case. */
  text: string;
  /** Until when, or how it goes on. */
  detail: string;
  command: string | null;
}

/** Red where calls are refused, yellow where something draws near. */
export interface Banner {
  level: 'refusing' | 'warning';
  title: string;
  items: BannerItem[];
  /** How many there are beside them, which the page shows further down. */
  more: number;
}

/** The item that says that limits are off. */
export const BYPASS = 'bypass';

/** A banner that fills the window hides what it is about. */
const ITEMS_MAX = 5;

const REASON_WORDS: Record<string, string> = {
  quota_exceeded: 'is used up',
  balance_empty: 'has no credit left',
  unpriced_model: 'met a model without a price',
  loop_detected: 'stopped a loop of calls',
  budget_busy: 'is held by running calls',
};

/** The banners for a status, most severe first; none where all is well. */
export function bannersFor(status: Status, nowMs: number, display: Display = {}): Banner[] {
  const refusing = status.blocked.map((blocked) => blockedItem(blocked, status, nowMs, display));
  const refusingNames = new Set(status.blocked.map((blocked) => blocked.budget));
  const warning = [
    ...bypassItem(status.bypass, nowMs, display),
    ...warnedBudgets(status.budgets, refusingNames).map((budget) => warnedItem(budget, nowMs, display)),
    ...status.balances.filter(isLow).map((balance) => balanceItem(balance, nowMs, display)),
  ];
  const banners: Banner[] = [];
  if (refusing.length > 0) banners.push(banner('refusing', 'Calls are being refused', refusing));
  if (warning.length > 0) banners.push(banner('warning', warningTitle(status.budgets, warning), warning));
  return banners;
}

function banner(level: Banner['level'], title: string, items: BannerItem[]): Banner {
  return { level, title, items: items.slice(0, ITEMS_MAX), more: Math.max(0, items.length - ITEMS_MAX) };
}

function blockedItem(blocked: Blocked, status: Status, nowMs: number, display: Display): BannerItem {
  const budget = status.budgets.find((each) => each.name === blocked.budget);
  const why = REASON_WORDS[blocked.reason] ?? `refuses calls (${blocked.reason.replaceAll('_', ' ')})`;
  return {
    id: `blocked-${blocked.budget}-${blocked.reason}`,
    text: budget ? `Budget ${blocked.budget} ${why}: ${spentOfLimit(budget)}.` : `${blocked.budget} ${why}.`,
    detail: blocked.until
      ? `Calls go through again ${when(blocked.until, nowMs, display)}.`
      : 'This does not lift by itself.',
    command: commandToGoOn(blocked, budget),
  };
}

function commandToGoOn(blocked: Blocked, budget: Budget | undefined): string | null {
  if (blocked.reason === 'balance_empty') return `outlay balance add ${quoted(blocked.budget)} 20`;
  if (blocked.reason === 'unpriced_model') return 'outlay calls --limit 5';
  return budget ? raiseCommand(budget) : null;
}

function warnedBudgets(budgets: readonly Budget[], refusing: ReadonlySet<string>): Budget[] {
  return budgets
    .filter((budget) => (budget.state === 'warned' || budget.state === 'waiting') && !refusing.has(budget.name))
    .sort((a, b) => b.percent - a.percent);
}

function warnedItem(budget: Budget, nowMs: number, display: Display): BannerItem {
  const reset = budget.reset_date ? `Resets ${when(budget.reset_date, nowMs, display)}.` : 'It does not reset.';
  const soft = isOver(budget) && budget.kind === 'soft' ? ' It only warns: nothing is refused.' : '';
  const waiting = budget.state === 'waiting' ? ' Calls are waiting for running ones to end.' : '';
  return {
    id: `warned-${budget.name}`,
    text: `Budget ${budget.name} is at ${budget.percent.toFixed(1)}%: ${spentOfLimit(budget)}.`,
    detail: `${reset}${soft}${waiting}`,
    command: null,
  };
}

function balanceItem(balance: Balance, nowMs: number, display: Display): BannerItem {
  const left = money.format(money.parse(balance.remaining), balance.currency);
  const level = money.format(money.parse(balance.warn_below ?? '0'), balance.currency);
  return {
    id: `balance-${balance.account}`,
    text: `Prepaid credit at ${balance.account} is down to ${left}, below ${level}.`,
    detail: `${emptyWords(balance, nowMs, display)}.`,
    command: null,
  };
}

function bypassItem(bypass: Bypass | null, nowMs: number, display: Display): BannerItem[] {
  if (bypass === null) return [];
  return [
    {
      id: BYPASS,
      text: `No limit refuses calls until ${when(bypass.until, nowMs, display)}${bypass.why === null ? '.' : `, for: ${bypass.why}.`}`,
      detail: 'Everything is counted all the same.',
      command: 'outlay bypass off',
    },
  ];
}

function warningTitle(budgets: readonly Budget[], items: readonly BannerItem[]): string {
  if (items[0]?.id === BYPASS) return 'Limits are off';
  if (items.some((item) => item.id.startsWith('warned-'))) {
    return budgets.some((budget) => budget.state === 'warned' && isOver(budget)) ? 'Over a limit' : 'Close to a limit';
  }
  return 'Credit is running low';
}

function spentOfLimit(budget: Budget): string {
  if (budget.unit !== 'USD') return `${budget.used.toLocaleString('en-US')} of ${budget.limit.toLocaleString('en-US')} ${budget.unit} used`;
  const limit = money.parse(String(budget.limit));
  return `${money.formatAgainst(money.parse(String(budget.used)), limit)} of ${money.format(limit)} spent`;
}

function when(instant: string, nowMs: number, display: Display): string {
  return `${formatInstant(instant, nowMs, display)} (${formatRelative(instant, nowMs)})`;
}
