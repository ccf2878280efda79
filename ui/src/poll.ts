/** How often the page asks whether anything changed. */

const QUICK_MS = 1_000;
const STEADY_MS = 2_000;
const HIDDEN_MS = 15_000;
const UNREACHABLE_MS_MAX = 10_000;
const RECENT_MS = 30_000;

/** A reload is due after this time even where nothing was written: periods end by themselves. */
export const RELOAD_MS_MAX = 60_000;

/** What the pace depends on. */
export interface PollSituation {
  visible: boolean;
  /** Time since the last change was seen, in milliseconds. */
  sinceChangeMs: number;
  /** Failed attempts in a row. */
  failures: number;
}

/** Milliseconds until the next question. */
export function nextPollMs(situation: PollSituation): number {
  if (!situation.visible) return HIDDEN_MS;
  if (situation.failures > 0) return Math.min(UNREACHABLE_MS_MAX, QUICK_MS * 2 ** Math.min(situation.failures, 10));
  return situation.sinceChangeMs < RECENT_MS ? QUICK_MS : STEADY_MS;
}
