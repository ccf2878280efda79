/** Settings that are saved one by one, each as soon as it is changed. */

import type { Api } from './api';
import type { Resource } from './resource.svelte';
import type { Settings, SettingsChange } from './types';

/** What became of the last change of one field. */
export interface Saved {
  state: 'saving' | 'saved' | 'failed';
  /** Why it was not saved. */
  problem: string | null;
}

const SHOWN_MS = 4_000;

export class Saving {
  fields = $state<Record<string, Saved>>({});
  /** For who hears it. */
  told = $state('');
  readonly #api: Api;
  readonly #settings: Resource<Settings>;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** Changes have a number each. The last one of each field, and the one whose answer is shown. */
  #changes = 0;
  #shown = 0;
  readonly #last = new Map<string, number>();

  constructor(api: Api, settings: Resource<Settings>) {
    this.#api = api;
    this.#settings = settings;
  }

  /** Saves a change; answers whether that worked. The field goes back to what holds where it did not. */
  async save(field: string, name: string, change: SettingsChange): Promise<boolean> {
    const number = this.#begin(field);
    this.fields[field] = { state: 'saving', problem: null };
    try {
      const settings = await this.#api.changeSettings(change);
      if (number > this.#shown) [this.#shown, this.#settings.data] = [number, settings];
    } catch (error) {
      if (this.#last.get(field) === number) this.refuse(field, error instanceof Error ? error.message : String(error));
      return false;
    }
    // The field was changed again meanwhile: what became of that is what counts.
    if (this.#last.get(field) !== number) return true;
    this.fields[field] = { state: 'saved', problem: null };
    this.told = `${name}: saved`;
    this.#timers.set(field, setTimeout(() => delete this.fields[field], SHOWN_MS));
    return true;
  }

  /** Says why what was typed is not saved. */
  refuse(field: string, problem: string): void {
    this.#begin(field);
    this.fields[field] = { state: 'failed', problem };
  }

  problemOf(field: string): string | null {
    return this.fields[field]?.problem ?? null;
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #begin(field: string): number {
    clearTimeout(this.#timers.get(field));
    this.#changes += 1;
    this.#last.set(field, this.#changes);
    return this.#changes;
  }
}
