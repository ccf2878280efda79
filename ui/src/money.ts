/**
 * Exact money: US dollars as a whole number of picodollars (1 USD = 10^12) in a bigint.
 *
 * Amounts arrive as decimal texts and no float ever holds one. Only chart geometry leaves this
 * exactness, through {@link ratio}.
 */

/** Picodollars. */
export type Picodollars = bigint;

const FRACTION_DIGITS = 12;
const PICODOLLARS_PER_USD = 10n ** BigInt(FRACTION_DIGITS);
const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Digits kept of an amount below one dollar, from its first digit that is not 0. */
const SIGNIFICANT_DIGITS = 3;

/**
 * Reads a decimal text (`"5.00"`, `"0.000201"`, `"-1.5"`).
 *
 * @throws RangeError when it is no decimal number or finer than a picodollar.
 */
export function parse(text: string): Picodollars {
  const match = DECIMAL.exec(text);
  if (!match) throw new RangeError(`'${text}' is not an amount of money`);
  const [, sign, whole, fraction = ''] = match;
  if (fraction.length > FRACTION_DIGITS) throw new RangeError(`'${text}' is finer than a picodollar`);
  const picodollars = BigInt(whole + fraction.padEnd(FRACTION_DIGITS, '0'));
  return sign === '-' ? -picodollars : picodollars;
}

/** The exact text: at least two decimals and no further trailing zeros. */
export function toText(amount: Picodollars): string {
  const { sign, whole, fraction } = split(amount);
  return `${sign === '−' ? '-' : ''}${whole}.${trimZeros(fraction)}`;
}

/** The sum of decimal texts; unknown ones make the sum unknown. */
export function sum(texts: readonly (string | null)[]): Picodollars | null {
  let total = 0n;
  for (const text of texts) {
    if (text === null) return null;
    total += parse(text);
  }
  return total;
}

/** Negative, zero or positive as `a` is below, at or above `b`. */
export function compare(a: Picodollars, b: Picodollars): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How much of `whole` the `part` is, for drawing only. 0 where `whole` is 0. */
export function ratio(part: Picodollars, whole: Picodollars): number {
  if (whole === 0n) return 0;
  // Six digits are more than any screen has pixels.
  return Number((part * 1_000_000n) / whole) / 1_000_000;
}

/** Dollars as a number, for drawing only. */
export function toChartNumber(amount: Picodollars): number {
  return Number(amount) / Number(PICODOLLARS_PER_USD);
}

/** Every digit, with currency and grouped thousands: `$1,234.5678`. */
export function formatExact(amount: Picodollars, currency = 'USD'): string {
  const { sign, whole, fraction } = split(amount);
  return withCurrency(sign, `${group(whole)}.${trimZeros(fraction)}`, currency);
}

/**
 * For reading at a glance: two decimals from one dollar up, three significant digits below, so that
 * small amounts do not vanish. Rounds half to even.
 */
export function format(amount: Picodollars, currency = 'USD'): string {
  return formatExact(rounded(amount), currency);
}

/**
 * As {@link format}, but never shows the bound itself for an amount that has not reached it
 * (`$4.9996` of `$5.00` is not `$5.00`): then every digit is shown.
 */
export function formatAgainst(amount: Picodollars, bound: Picodollars, currency = 'USD'): string {
  const reached = amount !== bound && format(amount, currency) === format(bound, currency);
  return reached ? formatExact(amount, currency) : format(amount, currency);
}

/** The amount as {@link format} shows it. */
export function rounded(amount: Picodollars): Picodollars {
  const size = amount < 0n ? -amount : amount;
  if (size === 0n) return 0n;
  const decimals = size >= PICODOLLARS_PER_USD ? 2 : decimalsBelowOneDollar(size);
  const step = 10n ** BigInt(FRACTION_DIGITS - decimals);
  const result = roundHalfEven(size, step);
  return amount < 0n ? -result : result;
}

/** The parts before and after the decimal point of an exact text, to align columns on it. */
export function decimalParts(amount: Picodollars): { whole: string; fraction: string } {
  const { sign, whole, fraction } = split(amount);
  return { whole: `${sign}$${group(whole)}`, fraction: `.${trimZeros(fraction)}` };
}

function split(amount: Picodollars): { sign: string; whole: string; fraction: string } {
  const size = amount < 0n ? -amount : amount;
  return {
    sign: amount < 0n ? '−' : '',
    whole: (size / PICODOLLARS_PER_USD).toString(),
    fraction: (size % PICODOLLARS_PER_USD).toString().padStart(FRACTION_DIGITS, '0'),
  };
}

function trimZeros(fraction: string): string {
  return fraction.slice(0, 2) + fraction.slice(2).replace(/0+$/, '');
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

function withCurrency(sign: string, digits: string, currency: string): string {
  return currency === 'USD' ? `${sign}$${digits}` : `${sign}${digits} ${currency}`;
}

function decimalsBelowOneDollar(size: Picodollars): number {
  const leadingZeros = FRACTION_DIGITS - size.toString().length;
  return Math.min(FRACTION_DIGITS, Math.max(2, leadingZeros + SIGNIFICANT_DIGITS));
}

function roundHalfEven(size: bigint, step: bigint): bigint {
  const quotient = size / step;
  const twice = (size % step) * 2n;
  const up = twice > step || (twice === step && quotient % 2n === 1n);
  return (up ? quotient + 1n : quotient) * step;
}
