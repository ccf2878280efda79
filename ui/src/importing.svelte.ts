/** Follows an import of tools' logs from its start to its end. */

import { ApiError, type Api } from './api';
import type { Imports } from './types';

const LOOK_EVERY_MS = 500;

export class Importing {
  state = $state.raw<Imports | null>(null);
  /** Why it could not be started or looked at. */
  error = $state<string | null>(null);
  /** Whether it was started here and has not ended. */
  started = $state(false);
  readonly #api: Api;
  readonly #onend: () => void;
  readonly #lose: (error: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** `onend` is told when an import has ended that was seen running. */
  constructor(api: Api, onend: () => void = () => {}, lose: (error: unknown) => void = () => {}) {
    this.#api = api;
    this.#onend = onend;
    this.#lose = lose;
  }

  /** Whether one is going on. */
  get running(): boolean {
    return this.started || (this.state !== null && this.state.running !== null);
  }

  async start(sources: string[] | null): Promise<void> {
    if (this.running) return;
    this.error = null;
    this.started = true;
    try {
      await this.#api.startImport(sources);
    } catch (error) {
      this.started = false;
      this.#fail(error);
      return;
    }
    await this.look();
  }

  /** Looks how it stands, and goes on doing so while it runs. */
  async look(): Promise<void> {
    clearTimeout(this.#timer);
    const wasRunning = this.running;
    try {
      this.state = await this.#api.imports();
      this.error = null;
    } catch (error) {
      this.started = false;
      this.#fail(error);
      return;
    }
    this.started = false;
    if (this.state.running !== null) {
      if (!this.#stopped) this.#timer = setTimeout(() => void this.look(), LOOK_EVERY_MS);
    } else if (wasRunning) this.#onend();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #fail(error: unknown): void {
    this.error = error instanceof Error ? error.message : String(error);
    if (error instanceof ApiError && error.failure !== 'failed') this.#lose(error);
  }
}
