/** What is typed to make or change a budget: read from one, checked, and put as the API takes it. */

import { DECIMAL, WHOLE } from './typed';
import type { Budget, BudgetChange, BudgetEvent, BudgetUnit } from './types';

/** Windows as they are chosen; `rolling` is then typed out. */
export type WindowKind = 'day' | 'week' | 'month' | 'total' | 'call' | 'rolling';

/** What a budget can be narrowed to, in the order in which it is offered. */
export const DIMENSIONS = ['model', 'project', 'client', 'provider', 'account', 'key', 'session', 'tag'] as const;

export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

/** One condition that calls meet. */
export interface ScopePart {
  dimension: string;
  value: string;
}

/** What an event says that was set. */
export type Detail = Record<string, unknown>;

/** A budget as it stands in the form, every field as typed. */
export interface BudgetForm {
  name: string;
  limit: string;
  unit: BudgetUnit;
  window: WindowKind;
  resetAt: string;
  weekStart: string;
  anchorDay: string;
  rollingCount: string;
  rollingUnit: 'm' | 'h' | 'd';
  kind: 'hard' | 'soft';
  warn: string;
  scope: ScopePart[];
  allowUnpriced: boolean;
  noCap: boolean;
}

/** A field that something can be wrong with. */
export type FormField = 'name' | 'limit' | 'resetAt' | 'anchorDay' | 'rolling' | 'warn' | `scope-${number}`;

/** The most that a rolling window reaches back, in minutes: ten years. */
const ROLLING_MINUTES_MAX = 3_650 * 24 * 60;
const MINUTES = { m: 1, h: 60, d: 24 * 60 };

/** A new budget: five dollars a day is what most begin with. */
export function emptyForm(): BudgetForm {
  return {
    name: '',
    limit: '',
    unit: 'USD',
    window: 'day',
    resetAt: '00:00',
    weekStart: 'monday',
    anchorDay: '1',
    rollingCount: '5',
    rollingUnit: 'h',
    kind: 'hard',
    warn: '80, 95',
    scope: [],
    allowUnpriced: false,
    noCap: false,
  };
}

/** A budget as it is. What its figures do not tell stands in its history. */
export function formOf(budget: Budget, events: readonly BudgetEvent[]): BudgetForm {
  const rolling = /^(\d+)([mhd])$/.exec(budget.window);
  const form: BudgetForm = {
    ...emptyForm(),
    name: budget.name,
    limit: String(budget.limit).replace(/\.00$/, ''),
    unit: budget.unit,
    window: rolling ? 'rolling' : (budget.window as WindowKind),
    kind: budget.kind,
    warn: budget.warn.join(', '),
    scope: Object.entries(budget.scope).map(([dimension, value]) => ({ dimension, value })),
  };
  if (rolling) {
    form.rollingCount = rolling[1] ?? '';
    form.rollingUnit = rolling[2] as 'm' | 'h' | 'd';
  }
  const last = events.findLast((event) => event.action === 'created' || event.action === 'changed');
  const detail = last === undefined ? null : detailOf(last);
  if (detail === null) return form;
  const anchor = typeof detail.anchor === 'number' ? detail.anchor : null;
  if (anchor !== null && form.window === 'day') form.resetAt = clockOf(anchor);
  if (anchor !== null && form.window === 'week') form.weekStart = WEEKDAYS[anchor] ?? 'monday';
  if (anchor !== null && form.window === 'month') form.anchorDay = String(anchor);
  form.allowUnpriced = detail.allow_unpriced === true;
  form.noCap = detail.may_cap === false;
  return form;
}

/** What is wrong with each field; empty where it can be saved. `taken`: names that a new one may not have. */
export function problemsOf(form: BudgetForm, taken: readonly string[] = []): Partial<Record<FormField, string>> {
  const problems: Partial<Record<FormField, string>> = {};
  const name = form.name.trim();
  if (name === '') problems.name = 'Give it a name, such as day or search.';
  else if (taken.includes(name)) problems.name = `There is a budget named ${name} already.`;
  const limit = limitProblem(form);
  if (limit !== null) problems.limit = limit;
  if (form.window === 'day' && !/^([01]\d|2[0-3]):[0-5]\d$/.test(form.resetAt)) problems.resetAt = 'Write a time like 04:00.';
  if (form.window === 'month' && !isBetween(form.anchorDay, 1, 31)) problems.anchorDay = 'Write a day from 1 to 31.';
  if (form.window === 'rolling' && !isBetween(form.rollingCount, 1, Math.floor(ROLLING_MINUTES_MAX / MINUTES[form.rollingUnit]))) {
    problems.rolling = 'Write a whole number from 1 on, up to ten years in all.';
  }
  if (warnsOf(form.warn) === null) problems.warn = 'Write percentages from 1 to 100, such as 80, 95.';
  form.scope.forEach((part, index) => {
    const problem = scopeProblem(part, form.scope.slice(0, index));
    if (problem !== null) problems[`scope-${index}`] = problem;
  });
  return problems;
}

/** The whole budget as the API takes it. */
export function changeOf(form: BudgetForm): BudgetChange {
  return {
    limit: limitOf(form),
    unit: form.unit,
    window: windowOf(form),
    ...anchorOf(form),
    kind: form.kind,
    warn: warnsOf(form.warn) ?? [],
    scope: Object.fromEntries(form.scope.map(({ dimension, value }) => [dimension, value.trim()])),
    allow_unpriced: form.allowUnpriced,
    no_cap: form.noCap,
  };
}

/** What differs from how it was, so that nothing else is set anew. */
export function differenceOf(form: BudgetForm, before: BudgetForm): BudgetChange {
  const [now, then] = [changeOf(form), changeOf(before)];
  const change = Object.fromEntries(
    Object.entries(now).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(then[field as keyof BudgetChange])),
  ) as BudgetChange;
  // A limit means something else in another unit, an anchor in another window.
  if (change.unit !== undefined && now.limit !== undefined) change.limit = now.limit;
  return change.window === undefined ? change : { ...change, ...anchorOf(form) };
}

/** The limit as it is sent: thousands may be set apart in whole numbers. */
export function limitOf(form: Pick<BudgetForm, 'limit' | 'unit'>): string {
  const text = form.limit.trim().replace(/^\$\s*/, '');
  return form.unit === 'USD' ? text : text.replace(/[\s,_]/g, '');
}

/** The window as the API names it. */
export function windowOf(form: Pick<BudgetForm, 'window' | 'rollingCount' | 'rollingUnit'>): string {
  return form.window === 'rolling' ? `${form.rollingCount.trim()}${form.rollingUnit}` : form.window;
}

/** The values that were set; `null` where there are none. */
export function detailOf({ detail }: BudgetEvent): Detail | null {
  return typeof detail === 'object' && detail !== null && !Array.isArray(detail) ? detail : null;
}

function anchorOf(form: BudgetForm): BudgetChange {
  if (form.window === 'day') return { reset_at: form.resetAt };
  if (form.window === 'week') return { week_start: form.weekStart };
  return form.window === 'month' ? { anchor_day: Number(form.anchorDay) } : {};
}

function limitProblem(form: BudgetForm): string | null {
  const limit = limitOf(form);
  if (limit === '') return 'Say how much may be spent.';
  if (form.unit === 'USD') return DECIMAL.test(limit) ? null : 'Write an amount in dollars, such as 5 or 2.50.';
  return WHOLE.test(limit) ? null : `Write a whole number of ${form.unit}.`;
}

function warnsOf(text: string): number[] | null {
  const parts = text.split(/[,\s]+/).map((part) => part.replace(/%$/, '')).filter((part) => part !== '');
  if (!parts.every((part) => isBetween(part, 1, 100))) return null;
  return [...new Set(parts.map(Number))].sort((a, b) => a - b);
}

function scopeProblem({ dimension, value }: ScopePart, earlier: readonly ScopePart[]): string | null {
  if (earlier.some((part) => part.dimension === dimension)) return `There is a condition on the ${dimension} already.`;
  if (value.trim() === '') return `Say which ${dimension}, or take this condition away.`;
  return dimension === 'tag' && !value.includes('=') ? 'Write a tag like team=search.' : null;
}

function isBetween(text: string, least: number, most: number): boolean {
  return WHOLE.test(text.trim()) && Number(text) >= least && Number(text) <= most;
}

function clockOf(minutes: number): string {
  const two = (number: number) => String(number).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
