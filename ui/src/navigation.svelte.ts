/** Which page is shown, kept in the address so that back, reload and links work. */

import { inDesktopWindow } from './api';
import { preferences } from './preferences.svelte';
import { hrefOf, parseRoute, type PageName, type Route } from './route';

class Navigation {
  route = $state.raw<Route>(parseRoute(''));

  /**
   * Follows the address from now on; the returned function ends that. The desktop window has no address
   * that could be kept: it opens with the page last shown, unless a link named another one.
   */
  start(isWindow = inDesktopWindow(location)): () => void {
    const kept = isWindow && location.hash === '' ? preferences.lastPage() : null;
    if (kept !== null) history.replaceState(history.state, '', hrefOf(kept));
    const follow = () => {
      this.route = parseRoute(location.hash);
      if (isWindow) preferences.keepPage(this.route.page);
    };
    follow();
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }

  go(page: PageName, id: string | null = null, query: Record<string, string> = {}): void {
    location.hash = hrefOf(page, id, query);
    // The event comes later; what the user asked for is shown at once.
    this.route = parseRoute(location.hash);
  }

  /** Changes what the page was asked to show, without a step to go back to. */
  ask(query: Record<string, string>): void {
    history.replaceState(history.state, '', hrefOf(this.route.page, this.route.id, query));
    this.route = parseRoute(location.hash);
  }
}

export const navigation = new Navigation();
