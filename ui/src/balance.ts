/** What is left of prepaid credit, in words. */

import * as money from './money';
import { runsOut } from './outlook';
import type { Display } from './time';
import type { Balance } from './types';

/** It warns so long before it is empty where no level is set. */
const USUAL_HOURS = 24;

/** Whether a balance has fallen below its warning level. */
export function isLow(balance: Balance): boolean {
  return balance.warn_below !== null
    && money.compare(money.parse(balance.remaining), money.parse(balance.warn_below)) < 0;
}

/** When it will be empty: `Empty about Fri 4 Dec (between Tue 1 Dec and Wed 9 Dec) at this rate`. */
export function emptyWords(balance: Balance, nowMs: number, display: Display = {}): string {
  const ending = runsOut(balance.forecast, nowMs, display);
  if (ending?.likely) return `Empty about ${ending.likely} (${ending.when}) at this rate`;
  if (ending !== null) return `${ending.isExpected ? 'Empty' : 'May be empty'} ${ending.when} at this rate`;
  if (balance.forecast.outlook === 'gone') return 'Nothing is left';
  return balance.forecast.outlook === 'lasts' ? 'Lasts two months or more at this rate' : 'Not known when it will be empty';
}

/** When it warns: `Warns below $5.00 and 48 hours before it is empty`. */
export function warnWords(balance: Balance): string {
  const levels = [levelWords(balance), hoursWords(balance)].filter((each) => each !== null);
  return levels.length === 0 ? 'Warns of nothing' : `Warns ${levels.join(' and ')}`;
}

function levelWords(balance: Balance): string | null {
  const below = balance.warn_below === null ? null : money.format(money.parse(balance.warn_below), balance.currency);
  if (balance.warn_percent === null) return below === null ? null : `below ${below}`;
  return `below ${balance.warn_percent}% of the last top-up${below === null ? '' : ` (${below})`}`;
}

function hoursWords(balance: Balance): string | null {
  const isUsual = balance.warn_hours === null && balance.warn_below === null;
  const hours = isUsual ? USUAL_HOURS : (balance.warn_hours ?? 0);
  if (hours === 0) return null;
  return `${hours === 1 ? '1 hour' : `${hours} hours`} before it is empty`;
}
