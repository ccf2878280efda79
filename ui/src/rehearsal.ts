/** What a limit would have done to the past, in words. */

import * as money from './money';
import { formatDayOf, type Display } from './time';
import type { Rehearsal } from './types';

/** The outcome, and whether anything would have been refused. */
export interface RehearsalWords {
  refuses: boolean;
  text: string;
}

const PERIODS: Record<string, string> = { day: 'days', week: 'weeks', month: 'months' };

/**
 * What it would have done, in a sentence. A soft limit is rehearsed as a hard one: what it refuses is
 * nothing, and that tells nobody whether it suits.
 */
export function rehearsalWords(rehearsal: Rehearsal, kind: 'hard' | 'soft', window: string, display: Display = {}): RehearsalWords {
  if (rehearsal.calls === 0) return { refuses: false, text: 'No call of the last 30 days would have counted here.' };
  const calls = `${count(rehearsal.calls)} ${rehearsal.calls === 1 ? 'call' : 'calls'}`;
  if (rehearsal.refused_calls === 0) {
    const who = kind === 'hard' ? 'This limit would have refused nothing' : 'This limit would not have been reached';
    return { refuses: false, text: `${who}: ${calls} of the last 30 days ${rehearsal.calls === 1 ? 'fits' : 'fit'}.` };
  }
  const [first] = rehearsal.first_refused;
  const who = kind === 'hard' ? 'This limit would have refused' : 'It only warns; a hard limit of this size would have refused';
  const cost = money.format(money.parse(rehearsal.refused_usd));
  const periods = PERIODS[window] === undefined ? '' : `, ${window === 'day' ? 'on' : 'in'} ${count(rehearsal.periods_hit)} of ${count(rehearsal.periods)} ${PERIODS[window]}`;
  const when = first === undefined ? '' : `, first on ${formatDayOf(first.time, display)}${first.model === null ? '' : `: ${first.model}`}`;
  return { refuses: true, text: `${who} ${count(rehearsal.refused_calls)} of ${calls} (${cost})${periods}${when}.` };
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
