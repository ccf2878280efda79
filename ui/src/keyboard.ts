/** The keys that work anywhere on the page. */

/** What a key does. */
export type Action = 'help' | 'theme' | 'refresh' | 'exact' | 'budgets' | 'balances' | 'spend' | 'calls' | 'alerts';

/** Every shortcut, in the order the help shows them. */
export const SHORTCUTS: readonly { key: string; action: Action; does: string }[] = [
  { key: '1', action: 'budgets', does: 'Go to budgets' },
  { key: '2', action: 'balances', does: 'Go to prepaid credit' },
  { key: '3', action: 'spend', does: 'Go to spend' },
  { key: '4', action: 'calls', does: 'Go to latest calls' },
  { key: 'a', action: 'alerts', does: 'Go to alerts' },
  { key: 'r', action: 'refresh', does: 'Refresh now' },
  { key: 'e', action: 'exact', does: 'Show every digit of amounts, or round them' },
  { key: 't', action: 'theme', does: 'Change between light and dark' },
  { key: '?', action: 'help', does: 'Show or hide this help' },
];

/** The action of a key press; `null` while typing, or together with Ctrl, Alt or the command key. */
export function actionOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'target'>): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return SHORTCUTS.find((shortcut) => shortcut.key === key)?.action ?? null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
