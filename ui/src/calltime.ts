/** Instants in a long list: many a second, so formats are made once. */

import { addDays, browserZone, dayOf, type Display } from './time';

/** How instants read in one language and zone. */
export interface CallClock {
  /** `14:03:12` today, `Yesterday 14:03`, `21 Nov 14:03`, `21/11/25 14:03`. */
  short: (instant: string, today: string) => string;
  full: (instant: string) => string;
}

export function callClock(display: Display = {}): CallClock {
  const timeZone = display.timeZone ?? browserZone();
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(display.locale, { timeZone, ...options });
  const exact = format({ timeStyle: 'medium' });
  const time = format({ timeStyle: 'short' });
  const day = format({ day: 'numeric', month: 'short' });
  const dayAndYear = format({ day: 'numeric', month: 'numeric', year: '2-digit' });
  const full = format({ dateStyle: 'medium', timeStyle: 'long' });
  // Days as the year, month and day they are: `2026-11-21`.
  const iso = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' });
  return {
    short: (instant, today) => {
      const ms = Date.parse(instant);
      const that = iso.format(ms);
      if (that === today) return exact.format(ms);
      if (that === addDays(today, -1)) return `Yesterday ${time.format(ms)}`;
      return `${(that.slice(0, 4) === today.slice(0, 4) ? day : dayAndYear).format(ms)} ${time.format(ms)}`;
    },
    full: (instant) => full.format(Date.parse(instant)),
  };
}

/** How many characters a column of such instants has to hold, whatever the language writes. */
export function widestTime(clock: CallClock): number {
  // Late in the day and the year: the most digits. Of the same day, the day before, the year, the year before.
  const today = ['2026-12-29', '2026-12-30', '2026-12-31', '2027-12-29'];
  return Math.max(...today.map((day) => clock.short('2026-12-29T22:48:38', day).length));
}

/** The day it is in the zone that instants are shown in. */
export function shownToday(nowMs: number, display: Display = {}): string {
  return dayOf(nowMs, display.timeZone ?? browserZone());
}

/** How long something has been going on, in whole seconds: `12 s`, `3 min 5 s`, `2 h 4 min`. */
export function formatElapsed(fromMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - fromMs) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
