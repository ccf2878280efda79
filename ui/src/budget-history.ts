/** What was done to a budget, in words. */

import { formatAmount, scopeWords, windowWords } from './budget';
import { detailOf, WEEKDAYS, type Detail } from './budget-form';
import { formatInstant, type Display } from './time';
import type { Amount, BudgetEvent, BudgetUnit } from './types';

/** One thing that was done. */
export interface HistoryLine {
  at: string;
  who: string;
  what: string;
}

const ACTORS: Record<string, string> = {
  cli: 'in a terminal',
  api: 'in the dashboard',
  desktop: 'in the desktop app',
  outlay: 'by Outlay',
};

/** The history, newest first. */
export function historyLines(events: readonly BudgetEvent[], unit: BudgetUnit, nowMs: number, display: Display = {}): HistoryLine[] {
  let before: Detail | null = null;
  const lines = events.map((event) => {
    const what = whatWords(event, before, unit, nowMs, display);
    if (event.action === 'created' || event.action === 'changed') before = detailOf(event);
    return { at: event.at, who: ACTORS[event.actor] ?? `by ${event.actor}`, what };
  });
  return lines.reverse();
}

function whatWords(event: BudgetEvent, before: Detail | null, unit: BudgetUnit, nowMs: number, display: Display): string {
  const set = detailOf(event) ?? {};
  const until = typeof set.until === 'string' ? ` until ${formatInstant(set.until, nowMs, display)}` : '';
  switch (event.action) {
    case 'created':
      return `Made${planWords(set)}: ${wholeWords(set)}`;
    case 'changed':
      return `Changed${planWords(set)}: ${before === null ? wholeWords(set) : differenceWords(before, set)}`;
    case 'raised':
      return `Raised by ${amountWords(set.by, unit)}${until}`;
    case 'lowered':
      return `Raises of ${amountWords(set.by, unit)} taken back`;
    case 'topped_up':
      return `Topped up by ${amountWords(set.by, unit)}`;
    case 'reserve_emptied':
      return `Reserve of ${amountWords(set.by, unit)} taken back`;
    case 'paused':
      return `Paused${until === '' ? ' until resumed' : until}`;
    case 'resumed':
      return 'Resumed';
    case 'bypassed':
      return `Everything let through${until}${typeof set.why === 'string' && set.why !== '' ? `, for: ${set.why}` : ''}`;
    case 'bypass_ended':
      return 'Limits refuse again';
    case 'removed':
      return 'Deleted';
    default:
      return event.action.replaceAll('_', ' ');
  }
}

function wholeWords(set: Detail): string {
  const warn = warnWords(set.warn);
  return [
    `${amountWords(set.limit, unitOf(set))} ${windowWords(String(set.window ?? ''))}`,
    set.kind === 'soft' ? 'soft' : 'hard',
    scopeWords(scopeOf(set)),
    warn === 'nothing' ? 'warns of nothing' : `warns at ${warn}`,
    ...(set.allow_unpriced === true ? ['lets models without a price pass'] : []),
    ...(set.may_cap === false ? ['never shortens answers'] : []),
  ].join(', ');
}

function differenceWords(before: Detail, set: Detail): string {
  const words: string[] = [];
  const differs = (field: string) => JSON.stringify(before[field]) !== JSON.stringify(set[field]);
  if (differs('limit') || differs('unit')) {
    words.push(`limit from ${amountWords(before.limit, unitOf(before))} to ${amountWords(set.limit, unitOf(set))}`);
  }
  if (differs('window')) words.push(`counted ${windowWords(String(set.window))}`);
  if (differs('anchor')) words.push(...anchorWords(set));
  if (differs('timezone')) words.push(`days in ${String(set.timezone)}`);
  if (differs('kind')) words.push(set.kind === 'soft' ? 'only warns' : 'refuses calls at the limit');
  if (differs('scope')) words.push(`counts ${scopeWords(scopeOf(set))}`);
  if (differs('warn')) words.push(`warns at ${warnWords(set.warn)}`);
  if (differs('allow_unpriced')) words.push(set.allow_unpriced === true ? 'models without a price pass' : 'models without a price are refused');
  if (differs('may_cap')) words.push(set.may_cap === false ? 'never shortens answers' : 'may shorten answers near the limit');
  return words.length === 0 ? 'nothing that differs' : words.join(', ');
}

/** Where in the calendar it begins; nothing for a window without such a place. */
function anchorWords(set: Detail): string[] {
  const anchor = Number(set.anchor);
  if (set.window === 'week') return [`weeks begin on ${capitalized(WEEKDAYS[anchor] ?? 'monday')}`];
  if (set.window === 'month') return [`months begin on day ${anchor}`];
  if (set.window !== 'day') return [];
  const [hour, minute] = [Math.floor(anchor / 60), anchor % 60].map((part) => String(part).padStart(2, '0'));
  return [`days begin at ${hour}:${minute}`];
}

function planWords(set: Detail): string {
  return typeof set.plan === 'string' ? ` by plan ${set.plan}` : '';
}

function amountWords(amount: unknown, unit: BudgetUnit): string {
  return typeof amount === 'string' || typeof amount === 'number' ? formatAmount(amount as Amount, unit) : 'an unknown amount';
}

function warnWords(warn: unknown): string {
  if (!Array.isArray(warn) || warn.length === 0) return 'nothing';
  return warn.map((percent) => `${String(percent)}%`).join(' and ');
}

function unitOf(set: Detail): BudgetUnit {
  return set.unit === 'tokens' || set.unit === 'calls' ? set.unit : 'USD';
}

function scopeOf(set: Detail): Record<string, string> {
  return typeof set.scope === 'object' && set.scope !== null ? (set.scope as Record<string, string>) : {};
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
