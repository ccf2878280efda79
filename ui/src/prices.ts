/** What models charge, for reading: per million tokens, whatever the list writes. */

import type { PriceChange } from './api';
import * as money from './money';
import { amountTyped } from './typed';
import type { Price, Rate } from './types';

/** So many rows are shown; who wants another searches. */
export const PRICES_SHOWN = 40;

/** The columns of the table. */
export const COLUMNS = [['input', 'Input'], ['output', 'Output'], ['cache_read', 'Cache read'], ['cache_write', 'Cache write']] as const;

const MILLION = 1_000_000n;
/** An hour, where usage is counted in milliseconds. */
const HOUR_MS = 3_600_000;

const TOKEN_UNITS: Record<string, string> = {
  input: 'Input',
  output: 'Output',
  cache_read: 'Read from a cache',
  cache_write: 'Written to a cache',
  cache_write_5m: 'Written to a cache for 5 minutes',
  cache_write_1h: 'Written to a cache for an hour',
  input_audio: 'Audio in',
  cache_audio_read: 'Audio read from a cache',
  input_image: 'Images in',
  cache_image_read: 'Images read from a cache',
  input_video: 'Video in',
  output_audio: 'Audio out',
  output_image: 'Images out',
  output_video: 'Video out',
  output_reasoning: 'Reasoning',
  output_citation: 'Citations',
};

/** A price in the form; figures as typed, in dollars per million tokens. */
export interface PriceForm {
  provider: string;
  model: string;
  input: string;
  output: string;
  cacheRead: string;
  cacheWrite: string;
}

export type PriceField = keyof PriceForm;

/** A line of a price's detail. */
export interface RateLine {
  name: string;
  price: string;
  /** What it is for long prompts. */
  tiers: string[];
}

/** What a unit costs as the table shows it: `$0.25`; `null` where it is not charged by itself. */
export function cellOf(price: Price, unit: string): string | null {
  const rate = price.rates.find((each) => each.unit === unit);
  return rate === undefined ? null : money.formatExact(perMillion(rate.usd, rate.per));
}

/** Every rate in words, tokens per million and the rest as they are counted. */
export function rateLines(price: Price): RateLine[] {
  return price.rates.map((rate) => ({
    name: TOKEN_UNITS[rate.unit] ?? capitalized(rate.unit.replaceAll('_', ' ')),
    price: amountWords(rate, rate.usd, rate.per),
    // The API leaves an empty list out.
    tiers: (rate.tiers ?? []).map((tier) => `${amountWords(rate, tier.usd, tier.per)} for prompts of more than ${tier.above.toLocaleString('en-US')} tokens`),
  }));
}

/** Where a price comes from, in a word and a sentence; the list says how old it is. */
export function originWords(origin: Price['origin'], source: string): { label: string; meaning: string } {
  if (origin === 'user') return { label: 'Your own', meaning: 'You set this price; it goes before the list.' };
  if (origin === 'override') return { label: 'Correction', meaning: 'Outlay corrects the list here, after the provider\'s own page.' };
  return { label: 'List', meaning: `From ${source}.` };
}

/** A price to begin with: what it costs now, or nothing. */
export function priceFormOf(provider: string, model: string, price: Price | null): PriceForm {
  const figure = (unit: string) => {
    const rate = price?.rates.find((each) => each.unit === unit);
    return rate === undefined ? '' : plain(money.toText(perMillion(rate.usd, rate.per)));
  };
  return { provider, model, input: figure('input'), output: figure('output'), cacheRead: figure('cache_read'), cacheWrite: figure('cache_write') };
}

/** What is wrong with each field. */
export function priceProblems(form: PriceForm): Partial<Record<PriceField, string>> {
  const problems: Partial<Record<PriceField, string>> = {};
  if (form.model.trim() === '') problems.model = 'Give the model as requests name it.';
  for (const field of ['input', 'output'] as const) {
    if (amountTyped(form[field]) === null) problems[field] = 'Write dollars per million tokens, such as 0.25.';
  }
  for (const field of ['cacheRead', 'cacheWrite'] as const) {
    if (form[field].trim() !== '' && amountTyped(form[field]) === null) problems[field] = 'Write dollars per million tokens, or nothing.';
  }
  return problems;
}

/** The price as the API takes it; `null` where a figure is missing. */
export function priceChangeOf(form: PriceForm): PriceChange | null {
  const [input, output] = [amountTyped(form.input), amountTyped(form.output)];
  if (input === null || output === null) return null;
  const [read, write] = [amountTyped(form.cacheRead), amountTyped(form.cacheWrite)];
  return { input, output, ...(read === null ? {} : { cache_read: read }), ...(write === null ? {} : { cache_write: write }) };
}

function amountWords(rate: Rate, usd: string, per: number): string {
  if (TOKEN_UNITS[rate.unit] !== undefined) return `${money.formatExact(perMillion(usd, per))} per million tokens`;
  const amount = money.formatExact(money.parse(usd));
  if (per === HOUR_MS) return `${amount} per hour`;
  return per === 1 ? `${amount} each` : `${amount} per ${per.toLocaleString('en-US')}`;
}

/** To the picodollar, which is finer than any price list. */
function perMillion(usd: string, per: number): money.Picodollars {
  return (money.parse(usd) * MILLION) / BigInt(per);
}

function plain(amount: string): string {
  return amount.replace(/\.00$/, '');
}

function capitalized(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
