/** What one types into the settings, and what it means. */

/** Quiet hours as the file has them (`22:00-07:00`) as two times; `null`: none. */
export function quietTimes(text: string | null): { from: string; to: string } | null {
  const match = /^\s*(\d{1,2}:\d{2})\s*-\s*(\d{1,2}:\d{2})\s*$/.exec(text ?? '');
  return match ? { from: match[1]!.padStart(5, '0'), to: match[2]!.padStart(5, '0') } : null;
}

/** Times as the file has them; `null` while one is missing or they are the same. */
export function quietText(from: string, to: string): string | null {
  return from === '' || to === '' || from === to ? null : `${from}-${to}`;
}

/** Addresses of webhooks as typed, one a line, or hosts of those that stay; a sentence where one is neither. */
export function webhooksOf(typed: string, hosts: readonly string[] = []): { addresses: string[] } | { problem: string } {
  const addresses = typed.split(/\s+/).filter((each) => each !== '');
  const wrong = addresses.find((each) => !hosts.includes(each) && !/^https?:\/\/[^/\s]+/.test(each));
  return wrong === undefined ? { addresses } : { problem: `“${wrong}” is no address: it begins with https://.` };
}

/** All zones that the browser knows. */
export function zones(): string[] {
  return typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : [];
}

/** A number of days as typed; `null` where it is none. */
export function daysOf(typed: string): number | null {
  const days = /^\s*(\d{1,5})\s*$/.exec(typed)?.[1];
  return days === undefined || Number(days) < 1 ? null : Number(days);
}
