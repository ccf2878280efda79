/** The arithmetic of one call, so that a person can check it. */

import { formatCount } from './calls';
import * as money from './money';
import type { CallDetail, CostLine } from './types';

const BUCKETS: Record<string, string> = {
  input_tokens: 'Input',
  cache_read_tokens: 'Cache read',
  cache_write_5m_tokens: 'Cache write, 5 min',
  cache_write_1h_tokens: 'Cache write, 1 h',
  output_tokens: 'Output',
  reasoning_tokens: 'Reasoning',
  citation_tokens: 'Citations',
  audio_input_tokens: 'Audio in',
  audio_cache_read_tokens: 'Audio cache read',
  audio_output_tokens: 'Audio out',
  image_input_tokens: 'Images in',
  image_cache_read_tokens: 'Images cache read',
  image_output_tokens: 'Images out',
  video_input_tokens: 'Video in',
  video_output_tokens: 'Video out',
  audio_ms: 'Audio, ms',
  pages: 'Pages',
  web_searches: 'Web searches',
  file_searches: 'File searches',
  requests: 'Requests',
};

const MILLION = 1_000_000;

/** A bucket in words. */
export function bucketName(bucket: string): string {
  const words = bucket.replace(/_tokens$/, '').replaceAll('_', ' ');
  return BUCKETS[bucket] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** A rate as price lists have it: tokens by the million, everything else as it is billed. */
export function rateWords({ bucket, rate }: Pick<CostLine, 'bucket' | 'rate'>): string {
  const usd = money.parse(rate.usd);
  if (!bucket.endsWith('_tokens')) return rate.per === 1 ? `${money.formatExact(usd)} each` : `${money.formatExact(usd)} per ${formatCount(rate.per)}`;
  const million = usd * BigInt(MILLION);
  if (million % BigInt(rate.per) !== 0n) return `${money.formatExact(usd)} per ${formatCount(rate.per)}`;
  return `${money.formatExact(million / BigInt(rate.per))} per million`;
}

/** What the lines come to; `null` where there is none. */
export function sumOf(call: Pick<CallDetail, 'lines'>): money.Picodollars | null {
  return call.lines.length === 0 ? null : money.sum(call.lines.map((line) => line.amount));
}

/** Where the cost of a call comes from. */
export interface Origin {
  /** One sentence. */
  words: string;
  /** What stands beside the sum of the lines: what was charged, where that is something else. */
  differs: boolean;
}

const PRICE_ORIGINS = { list: "Outlay's price list", override: 'the price list, corrected', user: 'the price that you set' } as const;

export function originOf(call: CallDetail): Origin {
  const sum = sumOf(call);
  const cost = call.cost_usd === null ? null : money.parse(call.cost_usd);
  const differs = sum !== null && cost !== null && sum !== cost;
  return { words: originWords(call), differs };
}

function originWords(call: CallDetail): string {
  switch (call.status) {
    case 'refused':
      return 'It was refused before it left this computer, and costs nothing.';
    case 'running':
    case 'waiting':
      return call.ceiling_usd === null
        ? 'Its cost is known when it ends.'
        : `Its cost is known when it ends; it can be at most ${money.formatExact(money.parse(call.ceiling_usd))}.`;
    case 'failed':
      return call.cost_usd === null ? 'It failed, and the provider billed nothing that is known.' : 'It failed; this much was billed all the same.';
    default:
  }
  if (call.basis === 'stated') return 'The provider stated this cost with its answer.';
  if (call.basis === 'unpriced' || (call.cost_usd === null && call.basis !== null)) return 'Its cost is unknown: no price is known for this model.';
  const price = call.price === null ? 'the price of that day' : `${PRICE_ORIGINS[call.price.origin]} of that day`;
  if (call.basis === 'estimated') return `Estimated: the provider did not say what was used. Tokens were counted here and multiplied by ${price}.`;
  return call.basis === null ? 'Nothing is known of its cost.' : `What the provider says was used, multiplied by ${price}.`;
}

/** Whether a price would tell what it cost. */
export function needsPrice(call: CallDetail): boolean {
  return call.basis === 'unpriced';
}

/** How a log tells of a call, in words. */
export function loggedWords(how: 'imported' | 'answer_id' | 'matched'): string {
  if (how === 'imported') return 'the call is known from it';
  return how === 'answer_id' ? 'found by the id of the answer; counted once' : 'found by model, tokens and time; counted once';
}
