/** The shapes of what users type into fields. */

/** An amount of money: no sign, at most twelve decimals, which is what a picodollar has. */
export const DECIMAL = /^\d{1,12}(\.\d{1,12})?$/;

export const WHOLE = /^\d{1,15}$/;

/** An amount as typed, without a currency's sign and spaces; `null` where it is none. */
export function amountTyped(text: string): string | null {
  const amount = text.trim().replace(/^\$\s*/, '');
  return DECIMAL.test(amount) ? amount : null;
}
