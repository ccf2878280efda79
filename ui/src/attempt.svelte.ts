import { ApiError } from './api';

/** One thing that the user asked for, while it is under way and when it did not work. */
export class Attempt {
  busy = $state(false);
  /** Why the last one did not work, as a sentence. */
  problem = $state<string | null>(null);
  /** The API's short name for that, where it has one. */
  code = $state<string | null>(null);

  /** Tries it; whether it worked. */
  async make(change: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    this.forget();
    try {
      await change();
      return true;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
      this.code = error instanceof ApiError ? error.code : null;
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** Says nothing more of the last one. */
  forget(): void {
    this.problem = null;
    this.code = null;
  }
}
