import { describe, expect, it } from 'vitest';
import { elementHeight, HEIGHT_MAX, pixelOf, pixelShowing, placeOf, rowsAt, scrolledTo, TOP, type Extent } from './longlist';

const short: Extent = { rows: 100, rowHeight: 36, view: 600 };
const million: Extent = { rows: 1_000_000, rowHeight: 36, view: 600 };

describe('a list that fits', () => {
  it('scrolls as it is', () => {
    expect(elementHeight(short)).toBe(3_600);
    expect(scrolledTo(1_234, TOP, short)).toEqual({ scrollTop: 1_234, shift: 0 });
    expect(rowsAt({ scrollTop: 360, shift: 0 }, short, 2)).toEqual({ first: 8, end: 29 });
  });

  it('ends at its last row', () => {
    expect(placeOf(9_999, short)).toEqual({ scrollTop: 3_000, shift: 0 });
    expect(rowsAt(placeOf(9_999, short), short, 5).end).toBe(100);
  });
});

describe('a list of a million rows', () => {
  it('scrolls in an element that browsers can draw', () => {
    expect(elementHeight(million)).toBe(HEIGHT_MAX);
  });

  it.each([0, 1, 720, 199_999, 200_001, 5_000_000, 18_000_000.5, 35_799_999, 35_999_400])('comes back to pixel %d', (y) => {
    const place = placeOf(y, million);
    expect(place.scrollTop).toBeLessThanOrEqual(HEIGHT_MAX - million.view);
    expect(pixelOf(place)).toBeCloseTo(y, 3);
    // A jump to the same position of the bar lands at the same pixel.
    expect(pixelOf(scrolledTo(place.scrollTop, placeOf(y > 1e7 ? 0 : 3e7, million), million))).toBeCloseTo(y, 3);
  });

  it('takes a small step as it is, anywhere', () => {
    for (const y of [0, 150_000, 200_000, 7_000_000, 35_900_000]) {
      const from = placeOf(y, million);
      expect(pixelOf(scrolledTo(from.scrollTop + 100, from, million)) - pixelOf(from)).toBeCloseTo(100, 3);
    }
  });

  it('is at its ends where the bar is', () => {
    const middle = placeOf(18_000_000, million);
    expect(pixelOf(scrolledTo(0, middle, million))).toBe(0);
    expect(rowsAt(scrolledTo(HEIGHT_MAX - million.view, middle, million), million, 0).end).toBe(1_000_000);
  });

  it('goes on after many small steps as if it had jumped there', () => {
    let place = placeOf(18_000_000, million);
    for (let step = 0; step < 500; step += 1) place = scrolledTo(place.scrollTop + 90, place, million);
    expect(pixelOf(place)).toBeCloseTo(18_045_000, 3);
    expect(pixelOf(placeOf(pixelOf(place), million))).toBeCloseTo(18_045_000, 3);
  });
});

describe('a row', () => {
  it.each([
    [10, 0, 0],
    [20, 0, 21 * 36 - 600],
    [5, 500, 180],
    [99, 0, 3_000],
  ])('%i is shown from pixel %i by going to %i', (row, at, expected) => {
    expect(pixelShowing(row, placeOf(at, short), short)).toBe(expected);
  });
});
