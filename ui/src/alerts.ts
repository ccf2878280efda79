/** Alerts as the page tells them: which are to be looked at, how they were told, what can be done. */

import { formatAmount, raiseEnd } from './budget';
import { formatInstant, formatRelative, type Display } from './time';
import type { Alert, Budget, Delivery, Raise, Severity } from './types';

/** Which alerts the list shows. */
export type Filter = 'open' | 'all';

/** A severity in a word. */
export const SEVERITY_WORDS: Record<Severity, string> = { critical: 'Critical', warning: 'Warning', info: 'Info' };

const RANKS: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };

/** So many are asked for: more than the bell counts, so that a storm is told from a hundred. */
export const ALERTS_MAX = 200;

/** A bell with more digits would tell nobody more. */
const BELL_MAX = 99;
const TITLES_MAX = 3;
const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)/g;

/** What became of an alert on one way. */
export interface WayLine {
  outcome: 'arrived' | 'pending' | 'failed';
  text: string;
}

/** What reached the user nowhere but here. */
export interface Missed {
  /** `Your desktop did not show this:`. */
  lead: string;
  /** The first of them. */
  titles: string[];
  /** How many are not among the titles. */
  more: number;
  /** Why the first did not arrive. */
  why: string;
  ids: string[];
}

/** Whether somebody still has to look at it. What is only good to know waits for nobody. */
export function isOpen(alert: Alert): boolean {
  return alert.acknowledged_at === null && alert.severity !== 'info';
}

/** Those that a filter lets through: all of them newest first, what is to be looked at by how much it matters. */
export function filtered(alerts: readonly Alert[], filter: Filter): Alert[] {
  const byTime = (a: Alert, b: Alert) => b.time.localeCompare(a.time);
  if (filter === 'all') return [...alerts].sort(byTime);
  return alerts.filter(isOpen).sort((a, b) => RANKS[a.severity] - RANKS[b.severity] || byTime(a, b));
}

/** What stands on the bell; nothing where there is nothing to look at. */
export function bellNumber(open: number): string {
  if (open === 0) return '';
  return open > BELL_MAX ? `${BELL_MAX}+` : String(open);
}

/** The bell in words. */
export function bellWords(open: number): string {
  if (open === 0) return 'No alerts to look at';
  if (open > BELL_MAX) return `More than ${BELL_MAX} alerts to look at`;
  return open === 1 ? '1 alert to look at' : `${open} alerts to look at`;
}

/** `12 times`; `null` for once. */
export function timesWords(occurrences: number): string | null {
  return occurrences > 1 ? `${occurrences.toLocaleString('en-US')} times` : null;
}

/** What an alert says, its instants as the page tells all others; who says it is known here. */
export function bodyWords(body: string, nowMs: number, display: Display = {}): string {
  const said = body.replace(/^Outlay: /, '').replace(INSTANT, (instant) => formatInstant(instant, nowMs, display));
  return said.charAt(0).toUpperCase() + said.slice(1);
}

/**
 * Which to mark where all are: those that are shown, so that what comes meanwhile is not lost unseen; `null`,
 * every one there is, where more are open than were asked for.
 */
export function idsOfAll(alerts: readonly Alert[]): string[] | null {
  if (alerts.length >= ALERTS_MAX) return null;
  return alerts.filter((alert) => alert.acknowledged_at === null).map((alert) => alert.id);
}

/** How it was told, a line for each way; where it went no way, why. */
export function wayLines(alert: Alert, nowMs: number, display: Display = {}): WayLine[] {
  if (alert.deliveries.length > 0) return alert.deliveries.map((each) => wayLine(each, nowMs, display));
  if (alert.error !== null) return [{ outcome: 'failed', text: `Shown only here: ${alert.error}` }];
  return [{ outcome: 'pending', text: 'Not sent yet' }];
}

/**
 * The open alerts that no way has led to the user; `null` where there is none. A way that failed is enough:
 * a webhook is tried again for a day, and nobody is to wait for that.
 */
export function missed(alerts: readonly Alert[]): Missed | null {
  const lost = filtered(alerts, 'open').filter((alert) => alert.delivered_at === null && whyMissed(alert) !== null);
  const [first] = lost;
  if (first === undefined) return null;
  return {
    lead: `${missedBy(lost)} ${lost.length === 1 ? 'this' : 'these'}:`,
    titles: lost.slice(0, TITLES_MAX).map(titleOf),
    more: Math.max(0, lost.length - TITLES_MAX),
    why: sentence(whyMissed(first) ?? ''),
    ids: lost.map((alert) => alert.id),
  };
}

/** The button of a raise: `Allow $2 more`. */
export function raiseLabel(raise: Raise): string {
  return `Allow ${raiseAmount(raise)} more`;
}

/** What a raise of the budget did: `Budget day may spend $2 more until it resets.` */
export function raisedWords(alert: Alert, raise: Raise, budgets: readonly Budget[]): string {
  const budget = budgets.find((each) => each.name === alert.subject);
  const verb = raise.unit === 'USD' ? 'spend' : 'use';
  return `Budget ${alert.subject} may ${verb} ${raiseAmount(raise)} more${budget ? ` ${raiseEnd(budget)}` : ''}.`;
}

function wayLine(delivery: Delivery, nowMs: number, display: Display): WayLine {
  const way = wayWords(delivery.channel);
  if (delivery.delivered_at !== null) {
    return { outcome: 'arrived', text: `${arrivedWords(delivery.channel)} at ${formatInstant(delivery.delivered_at, nowMs, display)}` };
  }
  const next = delivery.next_try_at;
  if (delivery.error === null) {
    if (next === null) return { outcome: 'pending', text: `${way}: not tried yet` };
    return { outcome: 'pending', text: Date.parse(next) > nowMs ? `${way}: ${tryWords('tried', next, nowMs, display)}` : `${way}: under way` };
  }
  if (next !== null) {
    return { outcome: 'failed', text: `${way} failed, ${tryWords('tried again', next, nowMs, display)}: ${delivery.error}` };
  }
  const tries = delivery.attempts > 1 ? ` after ${delivery.attempts} tries` : '';
  return { outcome: 'failed', text: `${way} failed${tries}: ${delivery.error}` };
}

function tryWords(what: string, next: string, nowMs: number, display: Display): string {
  if (Date.parse(next) <= nowMs) return `${what} now`;
  return `${what} at ${formatInstant(next, nowMs, display)} (${formatRelative(next, nowMs)})`;
}

/** A way to the user: `Desktop`, `Webhook example.com`. */
export function wayWords(channel: string): string {
  const [kind, host] = channel.split(' ');
  if (kind === 'webhook' && host !== undefined) return `Webhook ${host}`;
  return channel.charAt(0).toUpperCase() + channel.slice(1);
}

function arrivedWords(channel: string): string {
  const [kind, host] = channel.split(' ');
  if (kind === 'desktop') return 'Shown on the desktop';
  return kind === 'command' ? 'Given to your command' : `Sent to ${host ?? channel}`;
}

function whyMissed(alert: Alert): string | null {
  return alert.error ?? alert.deliveries.find((delivery) => delivery.error !== null)?.error ?? null;
}

function missedBy(alerts: readonly Alert[]): string {
  const ways = new Set(alerts.flatMap((alert) => alert.deliveries.map((delivery) => delivery.channel)));
  if (ways.size === 0) return 'Nothing but this page shows';
  return ways.size === 1 && ways.has('desktop') ? 'Your desktop did not show' : 'You were not told of';
}

function titleOf(alert: Alert): string {
  const times = timesWords(alert.occurrences);
  return times === null ? alert.title : `${alert.title} (${times})`;
}

function raiseAmount(raise: Raise): string {
  if (raise.unit === 'USD') return formatAmount(raise.by, raise.unit).replace(/\.00$/, '');
  return raise.by === '1' ? `1 ${raise.unit.slice(0, -1)}` : formatAmount(Number(raise.by), raise.unit);
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
