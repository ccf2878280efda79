/** What the user chose about how the page looks, and the page last shown, remembered in this browser. */

import { PAGES, type PageName } from './route';

/** Light, dark, or as the system has it. */
export type Theme = 'system' | 'light' | 'dark';

const THEME_KEY = 'outlay.theme';
const EXACT_KEY = 'outlay.exact';
const PAGE_KEY = 'outlay.page';

class Preferences {
  theme = $state<Theme>('system');
  /** Whether every amount is shown to the last digit. */
  exact = $state(false);
  #systemDark = $state(false);

  /** Reads what was remembered and applies it to the document. */
  restore(): void {
    const theme = read(THEME_KEY);
    if (theme === 'light' || theme === 'dark') this.theme = theme;
    this.exact = read(EXACT_KEY) === 'true';
    const system = window.matchMedia('(prefers-color-scheme: dark)');
    this.#systemDark = system.matches;
    system.addEventListener('change', () => (this.#systemDark = system.matches));
    this.#apply();
  }

  /** Whether the page is dark now. */
  isDark(): boolean {
    return this.theme === 'dark' || (this.theme === 'system' && this.#systemDark);
  }

  /** Changes to the other of light and dark; the one the system has is followed, not pinned. */
  toggleTheme(): void {
    const next = this.isDark() ? 'light' : 'dark';
    this.setTheme((next === 'dark') === this.#systemDark ? 'system' : next);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    write(THEME_KEY, this.theme === 'system' ? null : this.theme);
    this.#apply();
  }

  toggleExact(): void {
    this.exact = !this.exact;
    write(EXACT_KEY, this.exact ? 'true' : null);
  }

  /** The page that was kept; `null` where there is none of this name. */
  lastPage(): PageName | null {
    const name = read(PAGE_KEY);
    return PAGES.find((page) => page === name) ?? null;
  }

  /** Keeps which page is shown, but not what on it: that may be gone by the next time. */
  keepPage(page: PageName): void {
    write(PAGE_KEY, page);
  }

  #apply(): void {
    const root = document.documentElement;
    if (this.theme === 'system') root.removeAttribute('data-theme');
    else root.setAttribute('data-theme', this.theme);
  }
}

export const preferences = new Preferences();

// Storage can be switched off in a browser; then nothing is remembered.
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    return;
  }
}
