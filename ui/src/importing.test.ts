import { describe, expect, it } from 'vitest';
import { allImported, formatBytes, importShare, importSummary, importWords } from './importing';
import { importDone, logs } from './fixtures/tools';

const [claude] = importDone.last!.sources;

describe('an import', () => {
  it.each([
    [{}, '1,204 new calls, 30 also passed the proxy, 2 lines could not be read'],
    [{ calls: 1, merged: 0, matched: 0, broken_lines: 1 }, '1 new call, 1 line could not be read'],
    [{ calls: 0, merged: 0, matched: 0, broken_lines: 0, known: 14 }, 'No new calls, 14 known already'],
    [{ calls: 9, unpriced_calls: 4, broken_lines: 0, grown: 2, ahead: 1 }, '9 new calls, 4 of them without a price, 30 also passed the proxy, 2 known with fewer tokens, 1 left out, with a time to come'],
  ])('%o reads %s', (parts, expected) => expect(importWords({ ...claude!, ...parts })).toBe(expected));

  it('is summed up', () => {
    expect(importSummary(importDone.last!)).toBe('1,204 new calls were imported.');
    expect(importSummary({ ...importDone.last!, sources: [] })).toBe('Nothing was new.');
    expect(importSummary({ ...importDone.last!, error: 'The disk is full.' })).toBe('The import ended early. The disk is full.');
  });

  it.each([
    [0, 0, 0],
    [50, 200, 0.25],
    [300, 200, 1],
  ])('has read %i of %i', (bytes, bytes_total, expected) => expect(importShare({ bytes, bytes_total })).toBe(expected));

  it('is whole when each tool was read', () => {
    expect(allImported({ sources: [] })).toBe(false);
    expect(allImported(logs)).toBe(false);
    expect(allImported({ sources: logs.sources.map((each) => ({ ...each, imported_until: '2026-11-21T17:00:00Z' })) })).toBe(true);
  });
});

describe('sizes', () => {
  it.each([
    [1, '1 byte'],
    [999, '999 bytes'],
    [999_900, '1.0 MB'],
    [44_000_111, '44 MB'],
    [2_340_000_000, '2.3 GB'],
  ])('%i reads %s', (bytes, expected) => expect(formatBytes(bytes)).toBe(expected));
});
