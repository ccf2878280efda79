/** What one page asks the API for. */

import { ApiError } from './api';

/**
 * The answer to a question, asked again as often as needed. While it is asked anew the last answer
 * stays; of several that are under way only the last one counts.
 *
 * @example
 * const usage = new Resource<Usage>();
 * $effect(() => {
 *   void dashboard.revision; // ask again when something changed
 *   void usage.load(() => dashboard.api.usage(query), (error) => dashboard.lose(error));
 * });
 */
export class Resource<T> {
  data = $state.raw<T | null>(null);
  /** Why there is no answer to the last question. */
  error = $state<string | null>(null);
  /** Whether one is under way. */
  loading = $state(false);
  #asked = 0;

  /** Asks. `lose` is told of a lost login or server, which concern the whole page. */
  async load(question: () => Promise<T>, lose: (error: unknown) => void = () => {}): Promise<void> {
    this.#asked += 1;
    const turn = this.#asked;
    this.loading = true;
    try {
      const data = await question();
      if (turn !== this.#asked) return;
      this.data = data;
      this.error = null;
    } catch (error) {
      if (turn !== this.#asked) return;
      this.error = error instanceof Error ? error.message : String(error);
      if (error instanceof ApiError && error.failure !== 'failed') lose(error);
    } finally {
      if (turn === this.#asked) this.loading = false;
    }
  }

  /** Forgets the answer, where it is about something else from now on. */
  clear(): void {
    this.#asked += 1;
    this.data = null;
    this.error = null;
    this.loading = false;
  }
}
