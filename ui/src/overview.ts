/** What the overview says: what needs attention, how long money lasts, how today compares. */

import { filtered } from './alerts';
import { formatAmount, formatOf, isRolling, overBy } from './budget';
import { hrefOf } from './route';
import * as money from './money';
import { runsOut } from './outlook';
import { addDays, addMonths, formatDayOf, formatInstant, formatMonth, formatRelative, monthStart, type Display } from './time';
import type { Alert, Balance, Budget, Status, UnpricedModels, Usage } from './types';
import { costOf, unpricedWords } from './usage';

/** What the chart is stacked by. */
export type Part = 'model' | 'project';
/** How many days it shows. */
export type Days = '7' | '30' | '90';

export const PARTS = [['model', 'Model'], ['project', 'Project']] as const;
export const RANGES = [['7', '7 days'], ['30', '30 days'], ['90', '90 days']] as const;

/** Something to look at, and where. */
export interface Attention {
  id: string;
  level: 'stop' | 'warn';
  title: string;
  detail: string;
  href: string;
  /** What one does there. */
  action: string;
}

/** Budgets and alerts beyond these are on their own pages. */
export const ATTENTION_SHOWN = 5;
export const BUDGETS_SHOWN = 5;
const RANKS: Record<Budget['state'], number> = { blocked: 0, waiting: 1, warned: 2, ok: 3, paused: 4, bypassed: 4 };
const QUARTER_MS = 15 * 60_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** What the address asks for; what it does not say is the model and 30 days. */
export function asked(query: URLSearchParams): { part: Part; days: Days } {
  const days = RANGES.find(([value]) => value === query.get('days'))?.[0] ?? '30';
  return { part: query.get('by') === 'project' ? 'project' : 'model', days };
}

/** Whether nothing has happened yet: no call, no budget. */
export function isFirstRun(status: Status, latestCalls: number | null): boolean {
  return latestCalls === 0 && status.month.calls === 0 && status.budgets.length === 0;
}

/** Everything that waits for the user, what stops calls first; nothing is said twice. */
export function attention(status: Status, alerts: readonly Alert[], unpriced: UnpricedModels | null, nowMs: number, display: Display = {}): Attention[] {
  const refusing = status.budgets.filter((budget) => budget.state === 'blocked');
  const models = unpriced?.models ?? [];
  const said = new Set([
    ...refusing.map((budget) => `budget ${budget.name}`),
    ...status.stopped_accounts.map((each) => `balance ${each.account}`),
    ...models.map((each) => `unpriced ${each.model}`),
  ]);
  // Of several about one thing the one that matters most, and of those the latest.
  const open = filtered(alerts, 'open').filter((alert) => {
    // Its model has a price by now.
    if (alert.kind === 'unpriced_model' && unpriced !== null && !models.some((each) => each.model === alert.subject)) return false;
    const about = `${alert.kind.split('_')[0]} ${alert.subject}`;
    return !said.has(about) && said.add(about);
  });
  const stale = status.balances.filter((balance) => balance.is_stale && balance.observed_at !== null);
  return [
    ...status.stopped_accounts.map((each) => stoppedItem(each.account, each.emptied_at !== null)),
    ...refusing.map((budget) => refusingItem(budget, nowMs, display)),
    ...open.map((alert) => alertItem(alert, nowMs, display)),
    ...models.map(unpricedItem),
    ...stale.map((balance) => staleItem(balance, nowMs)),
  ].sort((a, b) => Number(a.level === 'warn') - Number(b.level === 'warn'));
}

/** Budgets, those that ask for something first. */
export function budgetsInOrder(budgets: readonly Budget[]): Budget[] {
  return [...budgets].sort((a, b) => RANKS[a.state] - RANKS[b.state] || b.percent - a.percent);
}

/** How long a budget lasts, in a few words. */
export function runwayWords(budget: Budget, nowMs: number, display: Display = {}): string {
  const reset = budget.reset_date === null ? null : whenWords(budget.reset_date, nowMs, display);
  if (budget.state === 'paused') return budget.paused_until === null ? 'Paused: refuses nothing' : `Paused until ${formatInstant(budget.paused_until, nowMs, display)}`;
  if (budget.state === 'bypassed') return 'Refuses nothing: limits are off';
  if (budget.state === 'blocked') return reset === null ? 'Refuses calls until it is raised' : `Refuses calls until ${reset}`;
  const over = overBy(budget);
  if (over !== null) return `Over by ${over}${resetWords(budget, reset)}`;
  const ending = runsOut(budget.forecast, nowMs, display);
  if (ending !== null) return `${ending.isExpected ? 'Used up' : 'May be used up'} ${ending.when} at this rate`;
  const left = `${formatAmount(budget.remaining, budget.unit)} left`;
  if (budget.forecast.outlook === 'lasts' && reset !== null && !isRolling(budget.window)) return `${left}, lasts until it resets ${reset}`;
  return `${left}${resetWords(budget, reset)}`;
}

/** How long credit lasts, in a few words. */
export function balanceRunway(balance: Balance, nowMs: number, display: Display = {}): string {
  if (balance.refusing) return 'Refuses calls until it is topped up';
  const ending = runsOut(balance.forecast, nowMs, display);
  if (ending?.likely) return `Empty about ${ending.likely} at this rate`;
  if (ending !== null) return `${ending.isExpected ? 'Empty' : 'May be empty'} ${ending.when} at this rate`;
  if (balance.forecast.outlook === 'gone') return 'Nothing is left';
  return balance.forecast.outlook === 'lasts' ? 'Lasts two months or more at this rate' : 'Not known when it will be empty';
}

/** Yesterday, to set today beside it; `null` where it is not known. */
export function yesterdayWords(days: Usage, today: string): string | null {
  return `Yesterday ${sumWords(days, (day) => day === addDays(today, -1))} in all`;
}

/** The month before, until the same day and in all. */
export function lastMonthWords(days: Usage, today: string, locale?: string): string {
  const first = addMonths(monthStart(today), -1);
  const isThen = (day: string) => day >= first && day < monthStart(today);
  const name = formatMonth(first, locale);
  const sameDay = `${first.slice(0, 8)}${today.slice(8)}`;
  return `${name} ${sumWords(days, (day) => isThen(day) && day <= sameDay)} by this day, ${sumWords(days, isThen)} in all`;
}

/** The last seven days and the seven before, as instants: of a day that is not over, only as much is compared. */
export function twoWeeks(nowMs: number): { now: { since: string; until: string }; before: { since: string; until: string } } {
  const end = (Math.floor(nowMs / QUARTER_MS) + 1) * QUARTER_MS;
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    now: { since: iso(end - WEEK_MS), until: iso(end) },
    before: { since: iso(end - 2 * WEEK_MS), until: iso(end - WEEK_MS) },
  };
}

/** An instant with its time where that matters: within two days. */
function whenWords(instant: string, nowMs: number, display: Display): string {
  return Date.parse(instant) - nowMs < 2 * DAY_MS ? formatInstant(instant, nowMs, display) : formatDayOf(instant, display);
}

function sumWords(days: Usage, isIn: (day: string) => boolean): string {
  let sum = 0n;
  for (const row of days.rows) {
    if (row.key === null || !isIn(row.key)) continue;
    const cost = costOf(row);
    if (cost === null) return 'unknown';
    sum += cost;
  }
  return money.format(sum);
}

function resetWords(budget: Budget, reset: string | null): string {
  if (reset === null) return '';
  return isRolling(budget.window) ? `, frees up from ${reset}` : `, resets ${reset}`;
}

function stoppedItem(account: string, saidByProvider: boolean): Attention {
  return {
    id: `stopped-${account}`,
    level: 'stop',
    title: `Calls to ${account} are refused`,
    detail: saidByProvider ? 'The provider said that the credit is used up.' : 'Its credit has come down to the level at which calls stop.',
    href: hrefOf('balances'),
    action: 'Note new credit',
  };
}

function refusingItem(budget: Budget, nowMs: number, display: Display): Attention {
  const spent = budget.unit === 'USD' ? 'spent' : `${budget.unit} used`;
  const until = budget.reset_date === null ? 'It does not reset.' : `Resets ${formatInstant(budget.reset_date, nowMs, display)} (${formatRelative(budget.reset_date, nowMs)}).`;
  return {
    id: `budget-${budget.name}`,
    level: 'stop',
    title: `Budget ${budget.name} refuses calls`,
    detail: `${formatOf(budget.used, budget.limit, budget.unit)} of ${formatAmount(budget.limit, budget.unit).replace(` ${budget.unit}`, '')} ${spent}. ${until}`,
    href: hrefOf('budgets', budget.name),
    action: 'Raise or pause',
  };
}

function alertItem(alert: Alert, nowMs: number, display: Display): Attention {
  const times = alert.occurrences > 1 ? `, ${alert.occurrences.toLocaleString('en-US')} times` : '';
  return {
    id: `alert-${alert.id}`,
    level: alert.severity === 'critical' ? 'stop' : 'warn',
    title: alert.title,
    detail: `Alert of ${formatInstant(alert.time, nowMs, display)}${times}.`,
    href: hrefOf('alerts'),
    action: 'See alert',
  };
}

function unpricedItem({ model, calls }: UnpricedModels['models'][number]): Attention {
  return {
    id: `unpriced-${model}`,
    level: 'warn',
    title: `${model} has no price`,
    detail: `${unpricedWords(calls) ?? 'Its calls'} ${calls === 1 ? 'is' : 'are'} in no total and no budget.`,
    href: hrefOf('prices'),
    action: 'Set a price',
  };
}

function staleItem(balance: Balance, nowMs: number): Attention {
  return {
    id: `stale-${balance.account}`,
    level: 'warn',
    title: `What is left at ${balance.account} may be out of date`,
    detail: `Last looked at ${formatRelative(balance.observed_at ?? '', nowMs)}.`,
    href: hrefOf('balances'),
    action: 'Enter what is left',
  };
}
