import { describe, expect, it } from 'vitest';
import { bucketName, needsPrice, originOf, rateWords, sumOf } from './callsum';
import { callDetail, runningDetail, statedDetail, unpricedDetail } from './fixtures/calldetail';
import * as money from './money';

describe('a line', () => {
  it.each([
    ['input_tokens', '3.00', 1_000_000, '$3.00 per million'],
    ['output_tokens', '0.00006', 1, '$60.00 per million'],
    ['cache_read_tokens', '0.30', 1_000_000, '$0.30 per million'],
    ['web_searches', '10.00', 1_000, '$10.00 per 1,000'],
    ['requests', '0.005', 1, '$0.005 each'],
    ['input_tokens', '0.000001', 7_000_000, '$0.000001 per 7,000,000'],
  ])('%s at %s for %i reads %s', (bucket, usd, per, expected) => expect(rateWords({ bucket, rate: { usd, per } })).toBe(expected));

  it.each([
    ['cache_write_5m_tokens', 'Cache write, 5 min'],
    ['sparkle_tokens', 'Sparkle'],
    ['odd_things', 'Odd things'],
  ])('%s is called %s', (bucket, expected) => expect(bucketName(bucket)).toBe(expected));
});

describe('the sum', () => {
  it('is what the call cost, to the last digit', () => {
    const sum = sumOf(callDetail);
    expect(sum === null ? null : money.toText(sum)).toBe(callDetail.cost_usd);
    expect(originOf(callDetail)).toEqual({ words: "What the provider says was used, multiplied by Outlay's price list of that day.", differs: false });
  });

  it('is told from what the provider stated', () => {
    expect(originOf(statedDetail)).toEqual({ words: 'The provider stated this cost with its answer.', differs: true });
  });

  it('is unknown without a price, never nothing', () => {
    expect(sumOf(unpricedDetail)).toBeNull();
    expect(needsPrice(unpricedDetail)).toBe(true);
    expect(originOf(unpricedDetail).words).toMatch(/no price is known/);
  });

  it('is bounded while the call runs', () => {
    expect(originOf(runningDetail).words).toBe('Its cost is known when it ends; it can be at most $0.4301.');
  });
});
