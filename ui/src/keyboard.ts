/** The keys that work anywhere on the page. */

import type { PageName } from './route';

/** What a key does. */
export type Action = 'help' | 'theme' | 'refresh' | 'exact' | `go ${PageName}`;

/** Every shortcut, in the order the help shows them. */
export const SHORTCUTS: readonly { key: string; action: Action; does: string }[] = [
  { key: '1', action: 'go overview', does: 'Overview' },
  { key: '2', action: 'go calls', does: 'Calls' },
  { key: '3', action: 'go reports', does: 'Reports' },
  { key: '4', action: 'go alerts', does: 'Alerts' },
  { key: '5', action: 'go budgets', does: 'Budgets' },
  { key: '6', action: 'go balances', does: 'Balances' },
  { key: '7', action: 'go prices', does: 'Prices' },
  { key: '8', action: 'go tools', does: 'Tools' },
  { key: '9', action: 'go settings', does: 'Settings' },
  { key: 'a', action: 'go alerts', does: 'Alerts' },
  { key: 'r', action: 'refresh', does: 'Refresh now' },
  { key: 'e', action: 'exact', does: 'Show every digit of amounts, or round them' },
  { key: 't', action: 'theme', does: 'Change between light and dark' },
  { key: '?', action: 'help', does: 'Show or hide this help' },
];

/** The page that an action opens; `null` for another action. */
export function pageOf(action: Action): PageName | null {
  return action.startsWith('go ') ? (action.slice(3) as PageName) : null;
}

/** The action of a key press; `null` while typing, or together with Ctrl, Alt or the command key. */
export function actionOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target'>): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return SHORTCUTS.find((shortcut) => shortcut.key === key)?.action ?? null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
