import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Api, ApiError, type CallQuery } from './api';
import { CallWindow } from './callwindow.svelte';
import { call } from './fixtures/calls';
import type { Call } from './types';

/** Calls 0 to `count - 1`, the newest first; its requests are answered in 10 ms. */
class ListApi extends Api {
  asked: string[] = [];
  aborted = 0;
  failure: Error | null = null;
  counted = 0;
  countMs = 0;
  constructor(public count: number) {
    super();
  }
  override callCount = async () => {
    this.counted += 1;
    await new Promise((done) => setTimeout(done, this.countMs));
    if (this.failure) throw this.failure;
    return this.count;
  };
  override callsAt = async (_query: CallQuery, offset: number, limit: number, signal?: AbortSignal) => {
    this.asked.push(`${offset}+${limit}`);
    await new Promise((done) => setTimeout(done, 10));
    if (signal?.aborted) {
      this.aborted += 1;
      throw new Error('aborted');
    }
    if (this.failure) throw this.failure;
    return { rows: Array.from({ length: Math.max(0, Math.min(limit, this.count - offset)) }, (_, index) => numbered(this.count - 1 - offset - index)), cursor: null };
  };
}

const numbered = (number: number): Call => call({ id: `call ${number}` });
const settle = (ms = 300) => vi.advanceTimersByTimeAsync(ms);

async function opened(api: ListApi): Promise<CallWindow> {
  const list = new CallWindow(api, {});
  void list.refresh();
  await settle();
  return list;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a list of calls', () => {
  it('knows how many there are and the newest at once', async () => {
    const list = await opened(new ListApi(1_000_000));
    expect(list.total).toBe(1_000_000);
    expect(list.at(0)?.id).toBe('call 999999');
    expect(list.at(100)).toBeUndefined();
  });

  it('shows the newest before they are counted, and does not count what it has all of', async () => {
    const api = new ListApi(1_000);
    api.countMs = 5_000;
    const list = await opened(api);
    expect([list.total, list.known, list.at(0)?.id]).toEqual([null, 100, 'call 999']);
    list.look(60, 140);
    await settle(5_000);
    expect([list.total, list.known]).toEqual([1_000, 1_000]);
    expect(list.at(130)?.id).toBe('call 869');
    const few = new ListApi(99);
    expect([(await opened(few)).total, few.counted]).toEqual([99, 0]);
  });

  it('counts anew only now and then where that takes long', async () => {
    const api = new ListApi(1_000);
    api.countMs = 500;
    const list = await opened(api);
    await settle(500);
    for (let second = 0; second < 5; second += 1) {
      api.count += 2;
      void list.refresh();
      await settle(1_000);
    }
    expect([list.total, list.added, api.counted]).toEqual([1_010, 10, 1]);
    expect(list.at(0)?.id).toBe('call 1009');
    // One of them was changed so that it is not of these any more; nothing else happens.
    api.count -= 1;
    await settle(7_000);
    expect([list.total, api.counted]).toEqual([1_009, 2]);
    list.stop();
    await settle(20_000);
    expect(api.counted).toBe(2);
  });

  it('asks for what is looked at, once', async () => {
    const api = new ListApi(1_000_000);
    const list = await opened(api);
    api.asked = [];
    list.look(499_990, 500_030);
    await settle();
    list.look(500_000, 500_040);
    await settle();
    expect(api.asked).toEqual(['499900+100', '500000+100']);
    expect(list.at(500_000)?.id).toBe('call 499999');
    expect(list.indexOf('call 499999')).toBe(500_000);
  });

  it('asks for the last place only where one scrolls fast, and drops what has left the view', async () => {
    const api = new ListApi(1_000_000);
    const list = await opened(api);
    api.asked = [];
    list.look(10_000, 10_040);
    for (let step = 1; step <= 50; step += 1) list.look(10_000 + step * 1_000, 10_040 + step * 1_000);
    await settle();
    expect(api.asked).toEqual(['10000+100', '60000+100']);
    expect(api.aborted).toBe(1);
    expect(list.at(10_000)).toBeUndefined();
    expect(list.at(60_000)?.id).toBe('call 939999');
  });

  it('keeps a few dozen pages', async () => {
    const api = new ListApi(1_000_000);
    const list = await opened(api);
    for (let page = 0; page < 60; page += 1) {
      list.look(page * 100, page * 100 + 40);
      await settle(120);
    }
    expect(list.at(5_900)).toBeDefined();
    expect(list.at(0)).toBeUndefined();
  });

  it('moves on with calls that come on top, and asks anew only for what is looked at', async () => {
    const api = new ListApi(1_000);
    const list = await opened(api);
    list.look(200, 240);
    await settle();
    api.asked = [];
    api.count = 1_003;
    void list.refresh();
    await settle();
    expect([list.added, list.total]).toEqual([3, 1_003]);
    expect(list.at(0)?.id).toBe('call 1002');
    expect(list.at(203)?.id).toBe('call 799');
    list.look(203, 243);
    await settle();
    expect(api.asked).toEqual(['0+100', '203+100']);
  });

  it('takes a day of calls on top by their number', async () => {
    const api = new ListApi(1_000);
    const list = await opened(api);
    api.count = 1_500;
    void list.refresh();
    await settle();
    expect(list.added).toBe(500);
  });

  it('says why it cannot be shown, and goes on when it can', async () => {
    const api = new ListApi(10);
    api.failure = new ApiError('failed', 'The ledger is busy.');
    const list = await opened(api);
    expect([list.total, list.error]).toEqual([null, 'The ledger is busy.']);
    api.failure = null;
    void list.refresh();
    await settle();
    expect([list.total, list.error]).toEqual([10, null]);
  });
});
