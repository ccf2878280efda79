/** Days, weeks and months as the columns of a chart. */

import { addDays, addMonths, formatDay, formatDayShort, formatMonthShort, formatMonthYear, monthStart, weekStart } from '../time';

/** What a column is: a day (`2026-11-21`), a week by its Monday, a month (`2026-11`). */
export type Step = 'day' | 'week' | 'month';

/** Every column of the days from `first` to `last`, oldest first. */
export function columnsOf(step: Step, first: string, last: string): string[] {
  const keys: string[] = [];
  for (let key = keyOf(step, first); key <= keyOf(step, last); key = next(step, key)) keys.push(key);
  return keys;
}

/** How many columns that is, without making them. */
export function columnCount(step: Step, first: string, last: string): number {
  const days = (Date.parse(last) - Date.parse(first)) / 86_400_000 + 1;
  return Math.ceil(step === 'day' ? days : step === 'week' ? days / 7 : days / 30);
}

/** The column that a day belongs to. */
export function keyOf(step: Step, day: string): string {
  if (step === 'day') return day;
  return step === 'week' ? weekStart(day) : day.slice(0, 7);
}

/** A column in full: `Sat 21 Nov`, `Week of Mon 16 Nov`, `November 2026`. */
export function titleOf(step: Step, key: string, locale?: string): string {
  if (step === 'day') return formatDay(key, locale);
  return step === 'week' ? `Week of ${formatDay(key, locale)}` : formatMonthYear(firstDay(step, key), locale);
}

/** A column on the axis; what is still going on is named so. */
export function labelOf(step: Step, key: string, today: string, locale?: string): string {
  if (key === keyOf(step, today)) return step === 'day' ? 'Today' : step === 'week' ? 'This week' : 'This month';
  if (step !== 'month') return formatDayShort(key, locale);
  const month = formatMonthShort(firstDay(step, key), locale);
  return key.endsWith('-01') ? `${month} ${key.slice(0, 4)}` : month;
}

/** The first day of a column, and the day after its last. */
export function daysOf(step: Step, key: string): { since: string; until: string } {
  return { since: firstDay(step, key), until: firstDay(step, next(step, key)) };
}

function firstDay(step: Step, key: string): string {
  return step === 'month' ? `${key}-01` : key;
}

function next(step: Step, key: string): string {
  if (step === 'month') return addMonths(monthStart(`${key}-01`), 1).slice(0, 7);
  return addDays(key, step === 'day' ? 1 : 7);
}
