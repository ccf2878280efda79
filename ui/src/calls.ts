/** How a call reads in the list of latest calls. */

import type { Call, CallStatus } from './types';

/** A status in a word. */
export const STATUS_WORDS: Record<CallStatus, string> = {
  settled: 'Done',
  estimated: 'Estimated',
  running: 'Running',
  waiting: 'Waiting',
  refused: 'Refused',
  failed: 'Failed',
};

const REFUSAL_WORDS: Record<string, string> = {
  quota_exceeded: 'Over budget',
  balance_empty: 'No credit left',
  unpriced_model: 'Model has no price',
  loop_detected: 'Loop stopped',
  budget_busy: 'Budget held by running calls',
};

const ERROR_WORDS: Record<string, string> = {
  insufficient_quota: 'Provider credit is used up',
  rate_limit: 'Provider rate limit',
  context_length: 'Prompt too long',
  model_not_found: 'Model not found',
  auth: 'Key not accepted',
  overloaded: 'Provider overloaded',
  invalid_request: 'Invalid request',
  other: 'Provider error',
};

const ACTION_WORDS: Record<string, string> = {
  waited: 'Waited for the budget',
  capped: 'Output shortened to fit the budget',
  ended: 'Ended at the limit',
};

// Made once: a report has thousands of counts.
const COUNTS = new Intl.NumberFormat('en-US');

/** Why the call is not simply done; `null` where there is nothing to say. */
export function reasonOf(call: Call): string | null {
  if (call.refusal) return `${REFUSAL_WORDS[call.refusal] ?? plain(call.refusal)}${times(call)}`;
  if (call.error_kind) return withHttpStatus(ERROR_WORDS[call.error_kind] ?? plain(call.error_kind), call);
  if (call.status === 'failed') return withHttpStatus('Nothing was billed', call);
  if (call.limit_action) return ACTION_WORDS[call.limit_action] ?? plain(call.limit_action);
  if (call.basis === 'unpriced') return 'Model has no price';
  if (call.status === 'estimated') return 'Usage not from the provider';
  return null;
}

/** The model that answered, else the one asked for; `null` where neither is known. */
export function modelOf(call: Call): string | null {
  return call.model ?? call.model_requested;
}

/** All prompt tokens, cached or not; `null` where none of them is known. */
export function promptTokens(call: Call): number | null {
  const parts = [call.input_tokens, call.cache_read_tokens, call.cache_write_5m_tokens, call.cache_write_1h_tokens];
  const known = parts.filter((part) => part !== null && part !== undefined);
  return known.length === 0 ? null : known.reduce((total, part) => total + part, 0);
}

/** A number of tokens at a glance: `980`, `12.4k`, `1.2M`; an em dash where unknown. */
export function formatTokens(count: number | null | undefined): string {
  if (count === null || count === undefined) return '—';
  if (count < 10_000) return COUNTS.format(count);
  if (count < 999_950) return `${(count / 1000).toFixed(1)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** Every digit of a count; an em dash where unknown. */
export function formatCount(count: number | null | undefined): string {
  return count === null || count === undefined ? '—' : COUNTS.format(count);
}

/** Tags as `k=v` pairs. */
export function tagsOf(call: Call): string[] {
  return (call.tags ?? '').split(';').filter((tag) => tag !== '');
}

/** Whether a limit did something to the call that can be explained. */
export function isLimited(call: Call): boolean {
  return call.status === 'refused' || call.status === 'waiting' || Boolean(call.limit_action);
}

function times(call: Call): string {
  return call.repeats > 0 ? `, ${(call.repeats + 1).toLocaleString('en-US')} times` : '';
}

function withHttpStatus(words: string, call: Call): string {
  return call.http_status === null ? words : `${words} (${call.http_status})`;
}

function plain(code: string): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
