/** The list of calls that was looked at last: a call leads back to it, and on to the next one of it. */

import type { Api } from './api';
import type { CallWindow } from './callwindow.svelte';
import type { Place } from './longlist';

export interface LastList {
  api: Api;
  /** The question as its address has it. */
  asked: Record<string, string>;
  calls: CallWindow;
  place: Place;
  /** The call that the keyboard is at, by its number in the list. */
  cursor: number;
}

let last: LastList | null = null;

export function remember(list: LastList): void {
  last = list;
}

/** The list, where it was the same server's. */
export function recall(api: Api): LastList | null {
  return last?.api === api ? last : null;
}

/** What stands above and below a call in that list. */
export function neighbours(list: LastList | null, id: string): { newer: string | null; older: string | null } {
  const index = list?.calls.indexOf(id) ?? null;
  if (list === null || index === null) return { newer: null, older: null };
  return { newer: list.calls.at(index - 1)?.id ?? null, older: list.calls.at(index + 1)?.id ?? null };
}
