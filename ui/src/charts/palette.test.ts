import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type Rgb = [number, number, number];

const css = readFileSync('src/styles.css', 'utf8');
const SIGHTS: Record<string, Rgb[]> = {
  'all cones': [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  // Machado, Oliveira and Fernandes 2009, wholly without one kind of cone.
  'no long waves': [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  'no middle waves': [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  'no short waves': [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};

/** A colour's linear light in a theme. */
function lightOf(name: string, theme: 'light' | 'dark'): Rgb {
  const [, light = '', dark = ''] = new RegExp(`--${name}: light-dark\\(#(\\w{6}), #(\\w{6})\\)`).exec(css) ?? [];
  const hex = theme === 'light' ? light : dark;
  return [0, 2, 4].map((start) => {
    const value = Number.parseInt(hex.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** CIE Lab. */
function labOf([red, green, blue]: Rgb): Rgb {
  const f = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const [x, y, z] = [f((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047), f(luminance([red, green, blue])), f((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function seenBy(matrix: Rgb[], [red, green, blue]: Rgb): Rgb {
  return matrix.map(([r, g, b]) => Math.min(1, Math.max(0, r * red + g * green + b * blue))) as Rgb;
}

describe.each(['light', 'dark'] as const)('the colours of series, %s', (theme) => {
  const names = ['1', '2', '3', '4', '5', '6', 'rest'].map((each) => `series-${each}`);

  it.each(Object.entries(SIGHTS))('are told apart by eyes with %s', (_sight, matrix) => {
    const labs = names.map((name) => labOf(seenBy(matrix, lightOf(name, theme))));
    for (const [index, one] of labs.entries()) {
      for (const [after, other] of labs.slice(index + 1).entries()) {
        const distance = Math.hypot(...one.map((value, axis) => value - (other[axis] ?? 0)));
        // 2.3 is just seen side by side; these are small and apart.
        expect(distance, `${names[index]} and ${names[index + 1 + after]}`).toBeGreaterThan(18);
      }
    }
  });

  it.each(names)('stand out from the card: %s', (name) => {
    const [card, colour] = [luminance(lightOf('surface', theme)), luminance(lightOf(name, theme))];
    expect((Math.max(card, colour) + 0.05) / (Math.min(card, colour) + 0.05)).toBeGreaterThan(3);
  });
});
