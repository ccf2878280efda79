/** Which page the address names: `#/calls?status=refused`, `#/calls/<id>`, `#/budgets/day`. */

/** Every page, in the order of the menu. `start` is the guide for a first run. */
export const PAGES = ['overview', 'calls', 'budgets', 'balances', 'reports', 'prices', 'alerts', 'tools', 'settings', 'start'] as const;

export type PageName = (typeof PAGES)[number];

/** A page, what on it, and what it was asked to show of that. */
export interface Route {
  page: PageName;
  /** The one thing shown, such as a call's id; `null`: the page itself. */
  id: string | null;
  query: URLSearchParams;
}

/** What each page is called. */
export const PAGE_TITLES: Record<PageName, string> = {
  overview: 'Overview',
  calls: 'Calls',
  budgets: 'Budgets',
  balances: 'Balances',
  reports: 'Reports',
  prices: 'Prices',
  alerts: 'Alerts',
  tools: 'Tools',
  settings: 'Settings',
  start: 'Getting started',
};

/** Reads the part of an address behind `#`. What names no page, such as a login code, is the overview. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [name = '', id = null] = path.split('/', 2);
  const page = name === '' ? 'overview' : PAGES.find((each) => each === name);
  if (page === undefined) return { page: 'overview', id: null, query: new URLSearchParams() };
  return { page, id: id === null || id === '' ? null : decoded(id), query: new URLSearchParams(query) };
}

/** The address of a page, for links. */
export function hrefOf(page: PageName, id: string | null = null, query: Record<string, string> = {}): string {
  const path = page === 'overview' ? '#/' : `#/${page}`;
  const set = Object.entries(query).filter(([, value]) => value !== '');
  const asked = set.length === 0 ? '' : `?${new URLSearchParams(set)}`;
  return `${path}${id === null ? '' : `/${encodeURIComponent(id)}`}${asked}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
