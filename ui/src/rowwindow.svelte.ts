/** Which rows of a long table are drawn: those in view and some beyond. */

import { rowsAt } from './longlist';

/** Rows beyond what is seen, so that neither a wheel nor the Tab key meets their end. */
const MARGIN = 24;

/** What is drawn of a table, and how much room the rest takes. */
export interface Drawn {
  first: number;
  end: number;
  /** Pixels above and below. */
  above: number;
  below: number;
}

/** Of `rows` equally high ones, in a window that starts `pixel` below their first. */
export function drawnOf(rows: number, rowHeight: number, pixel: number, view: number): Drawn {
  const seen = rowsAt({ scrollTop: pixel, shift: 0 }, { rows, rowHeight, view }, MARGIN);
  const first = Math.min(seen.first, Math.max(0, rows - 1));
  const end = Math.max(first, Math.min(rows, Math.max(seen.end, first + MARGIN)));
  return { first, end, above: first * rowHeight, below: (rows - end) * rowHeight };
}

/** Follows the window over the rows of one table. */
export class RowWindow {
  #pixel = $state(0);
  #view = $state(800);
  #rowHeight = $state(36);

  drawn(rows: number): Drawn {
    return drawnOf(rows, this.#rowHeight, this.#pixel, this.#view);
  }

  /** For the element that holds the rows alone; one of them is marked `data-row`. */
  readonly follow = (rows: HTMLElement): (() => void) => {
    const look = () => {
      const height = rows.querySelector('[data-row]')?.getBoundingClientRect().height ?? 0;
      if (height > 0) this.#rowHeight = height;
      this.#pixel = -rows.getBoundingClientRect().top;
      this.#view = window.innerHeight;
    };
    look();
    window.addEventListener('scroll', look, { passive: true });
    window.addEventListener('resize', look);
    return () => {
      window.removeEventListener('scroll', look);
      window.removeEventListener('resize', look);
    };
  };
}
