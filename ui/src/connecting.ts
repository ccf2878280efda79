/** How a tool stands to Outlay, in words. */

import type { IconName } from './components/Icon.svelte';
import { counted } from './importing';
import type { Tool } from './types';

export interface Standing {
  icon: IconName;
  word: string;
  /** What it looks like: fine, to be looked at, or neither. */
  tone: 'well' | 'warn' | 'plain';
}

export function standingOf(tool: Tool): Standing {
  if (tool.problem !== null) return { icon: 'triangle', word: tool.connected ? 'Connected, but look at it' : 'Needs a look', tone: 'warn' };
  if (tool.connected) return { icon: 'check', word: 'Connected', tone: 'well' };
  if (!tool.connectable) return { icon: 'list', word: 'By its logs alone', tone: 'plain' };
  if (!tool.found) return { icon: 'cross', word: 'Not found here', tone: 'plain' };
  return { icon: 'plug', word: 'Not connected', tone: 'plain' };
}

/** Found ones first, then those that only have logs, then those that are not here; by name within. */
export function inOrder(tools: readonly Tool[]): { here: Tool[]; byLogs: Tool[]; missing: Tool[] } {
  const sorted = [...tools].sort((a, b) => a.name.localeCompare(b.name, 'en'));
  return {
    here: sorted.filter((tool) => tool.connectable && tool.found),
    byLogs: sorted.filter((tool) => !tool.connectable && (tool.found || tool.logs !== null)),
    missing: sorted.filter((tool) => !tool.found && (tool.connectable || tool.logs === null)),
  };
}

/** The logs of a tool in a few words; `null` where there are none. */
export function logWords(tool: Tool): string | null {
  return tool.logs === null || tool.logs.files === 0 ? null : `${counted(tool.logs.files, 'log', 'logs')} found`;
}

/** Where the proxy answers, as an address to type. */
export function baseUrl(listen: string | null): string {
  const address = listen ?? '127.0.0.1:4780';
  return `http://${address.replace(/^(0\.0\.0\.0|\[::\])/, '127.0.0.1')}`;
}

/** What stands behind that address for each kind of client. */
export const BASE_PATHS = [
  ['OpenAI', '/openai/v1'],
  ['Anthropic', '/anthropic'],
  ['Gemini', '/gemini'],
] as const;
