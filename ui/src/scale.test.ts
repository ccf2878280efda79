import { describe, expect, it } from 'vitest';
import { band, barPath, labelEvery, linear, ticks } from './scale';

describe('ticks', () => {
  it.each([
    [4.98, 4, ['0', '2', '4', '6']],
    [5, 5, ['0', '1', '2', '3', '4', '5']],
    [0.021, 4, ['0.00', '0.01', '0.02', '0.03']],
    [0.6, 3, ['0.0', '0.2', '0.4', '0.6']],
    [1234, 3, ['0', '500', '1000', '1500']],
    [0, 3, ['0.0', '0.5', '1.0']],
  ])('up to %d in about %d', (max, count, labels) => {
    expect(ticks(max, count).map((tick) => tick.label)).toEqual(labels);
  });

  it('always reaches the largest value', () => {
    for (const max of [1e-9, 0.0003, 0.7, 1, 3.0000001, 99, 12345]) {
      const shown = ticks(max, 4);
      expect(shown.at(-1)!.value).toBeGreaterThanOrEqual(max * (1 - 1e-9));
      expect(shown.length).toBeLessThanOrEqual(6);
    }
  });
});

describe('linear', () => {
  it.each([
    [5, 10, 200, 100],
    [12, 10, 200, 200],
    [-1, 10, 200, 0],
    [1, 0, 200, 0],
  ])('%d of %d on %d', (value, domain, range, position) => {
    expect(linear(value, domain, range)).toBe(position);
  });
});

it('places bars side by side', () => {
  expect(band(0, 10, 200, 0.5)).toEqual({ x: 5, width: 10 });
  expect(band(9, 10, 200, 0.5)).toEqual({ x: 185, width: 10 });
});

it.each([
  [30, 600, 50, 3],
  [30, 200, 50, 8],
  [5, 600, 50, 1],
])('labels every nth of %d bars on %d px', (count, width, label, every) => {
  expect(labelEvery(count, width, label)).toBe(every);
});

it('keeps the corners of a low bar inside it', () => {
  expect(barPath(0, 99, 10, 1, 3)).toBe('M0,100V100Q0,99 1,99H9Q10,99 10,100V100Z');
});
