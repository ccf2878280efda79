import { describe, expect, it } from 'vitest';
import * as money from './money';

describe('parse and toText', () => {
  it.each([
    ['5', 5_000_000_000_000n, '5.00'],
    ['5.00', 5_000_000_000_000n, '5.00'],
    ['0.000201', 201_000_000n, '0.000201'],
    ['0.1', 100_000_000_000n, '0.10'],
    ['-1.5', -1_500_000_000_000n, '-1.50'],
    ['0.000000000001', 1n, '0.000000000001'],
    ['9223372.036854775807', 9_223_372_036_854_775_807n, '9223372.036854775807'],
    ['0.00', 0n, '0.00'],
  ])('%s', (text, picodollars, back) => {
    expect(money.parse(text)).toBe(picodollars);
    expect(money.toText(picodollars)).toBe(back);
  });

  it.each(['', '.5', '1e-3', '1,00', '$1', 'NaN', '0.0000000000001', ' 1'])('refuses %j', (text) => {
    expect(() => money.parse(text)).toThrow(RangeError);
  });
});

describe('sum', () => {
  it.each([
    [['0.1', '0.2'], '0.30'],
    [Array<string>(10).fill('0.002'), '0.02'],
    [[], '0.00'],
  ])('%j', (texts, total) => {
    expect(money.toText(money.sum(texts)!)).toBe(total);
  });

  it('is unknown where a part is', () => {
    expect(money.sum(['1.00', null])).toBeNull();
  });
});

describe('format', () => {
  it.each([
    ['0.00', '$0.00', '$0.00'],
    ['5.00', '$5.00', '$5.00'],
    ['14.273915', '$14.27', '$14.273915'],
    ['1234567.891', '$1,234,567.89', '$1,234,567.891'],
    ['0.5', '$0.50', '$0.50'],
    ['0.0222', '$0.0222', '$0.0222'],
    ['0.123456', '$0.123', '$0.123456'],
    ['0.000201375', '$0.000201', '$0.000201375'],
    ['0.000000000001', '$0.000000000001', '$0.000000000001'],
    ['0.99951', '$1.00', '$0.99951'],
    ['1.005', '$1.00', '$1.005'],
    ['1.015', '$1.02', '$1.015'],
    ['-0.0042', '−$0.0042', '−$0.0042'],
    ['-12.345', '−$12.34', '−$12.345'],
  ])('%s', (text, short, exact) => {
    expect(money.format(money.parse(text))).toBe(short);
    expect(money.formatExact(money.parse(text))).toBe(exact);
  });

  it('names other currencies after the digits', () => {
    expect(money.format(money.parse('88.5'), 'CNY')).toBe('88.50 CNY');
  });
});

describe('formatAgainst', () => {
  it.each([
    ['4.9996', '5.00', '$4.9996'],
    ['5.00', '5.00', '$5.00'],
    ['5.0001', '5.00', '$5.0001'],
    ['4.98', '5.00', '$4.98'],
    ['0.0199', '0.02', '$0.0199'],
  ])('%s of %s', (amount, bound, shown) => {
    expect(money.formatAgainst(money.parse(amount), money.parse(bound))).toBe(shown);
  });
});

describe('ratio and compare', () => {
  it.each([
    ['2.50', '5.00', 0.5, -1],
    ['0.00', '5.00', 0, -1],
    ['6.00', '5.00', 1.2, 1],
    ['1.00', '0.00', 0, 1],
    ['0.00', '0.00', 0, 0],
  ])('%s of %s', (part, whole, share, order) => {
    expect(money.ratio(money.parse(part), money.parse(whole))).toBe(share);
    expect(money.compare(money.parse(part), money.parse(whole))).toBe(order);
  });
});

it('splits at the decimal point', () => {
  expect(money.decimalParts(money.parse('1234.5006'))).toEqual({ whole: '$1,234', fraction: '.5006' });
});
