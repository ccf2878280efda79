/** Geometry of the charts. Numbers here only place pixels. */

/** A labelled position on an axis. */
export interface Tick {
  value: number;
  /** The value's digits, exact: `0.05`. */
  label: string;
}

/**
 * Round steps from 0 to at least `max`: about `count` of them, each 1, 2 or 5 times a power of ten.
 * Where `max` is 0 or less there is still one step, so that an empty chart has an axis.
 */
export function ticks(max: number, count: number): Tick[] {
  const top = max > 0 ? max : 1;
  const rough = top / count;
  let exponent = Math.floor(Math.log10(rough));
  const mantissa = rough / 10 ** exponent;
  let digit = mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10;
  if (digit === 10) {
    digit = 1;
    exponent += 1;
  }
  const step = digit * 10 ** exponent;
  const steps = Math.max(1, Math.ceil(top / step - 1e-9));
  return Array.from({ length: steps + 1 }, (_, index) => ({
    value: index * step,
    label: tickLabel(index * digit, exponent),
  }));
}

/** Maps `[0, domainMax]` onto `[0, rangeMax]`, held at the ends. */
export function linear(value: number, domainMax: number, rangeMax: number): number {
  if (domainMax <= 0) return 0;
  return Math.min(rangeMax, Math.max(0, (value / domainMax) * rangeMax));
}

/** Where bar `index` of `count` starts and how wide it is, with a gap of `gapShare` of each slot. */
export function band(index: number, count: number, width: number, gapShare: number): { x: number; width: number } {
  const slot = width / count;
  const gap = slot * gapShare;
  return { x: index * slot + gap / 2, width: Math.max(1, slot - gap) };
}

/** Every how many bars one label fits, counted from the last bar. */
export function labelEvery(count: number, width: number, labelWidth: number): number {
  const fitting = Math.max(1, Math.floor(width / labelWidth));
  return Math.max(1, Math.ceil(count / fitting));
}

/** A bar with its upper corners rounded, as an SVG path. */
export function barPath(x: number, y: number, width: number, height: number, radius: number): string {
  const r = Math.min(radius, width / 2, height);
  const bottom = y + height;
  return `M${x},${bottom}V${y + r}Q${x},${y} ${x + r},${y}H${x + width - r}Q${x + width},${y} ${x + width},${y + r}V${bottom}Z`;
}

function tickLabel(multiple: number, exponent: number): string {
  if (exponent >= 0) return String(multiple * 10 ** exponent);
  return (multiple / 10 ** -exponent).toFixed(-exponent);
}
