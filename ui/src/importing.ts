/** What an import of tools' logs does and has done, in words. */

import { formatCount } from './calls';
import type { ImportedSource, ImportEnded, ImportProgress, Logs } from './types';

/** Bytes at a glance: `918 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}` : `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}

export function counted(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** What came of one tool's logs: `1,204 new calls, 30 also passed the proxy, 2 lines could not be read`. */
export function importWords(source: ImportedSource): string {
  const passed = source.merged + source.matched;
  const parts = [source.calls === 0 ? 'No new calls' : counted(source.calls, 'new call', 'new calls')];
  if (source.unpriced_calls > 0) parts.push(`${formatCount(source.unpriced_calls)} of them without a price`);
  if (passed > 0) parts.push(`${formatCount(passed)} also passed the proxy`);
  if (source.grown > 0) parts.push(`${formatCount(source.grown)} known with fewer tokens`);
  if (source.known > 0) parts.push(`${formatCount(source.known)} known already`);
  if (source.ahead > 0) parts.push(`${formatCount(source.ahead)} left out, with a time to come`);
  if (source.broken_lines > 0) parts.push(`${counted(source.broken_lines, 'line', 'lines')} could not be read`);
  return parts.join(', ');
}

/** The whole import in a sentence, for who hears it. */
export function importSummary(last: ImportEnded): string {
  if (last.error !== null) return `The import ended early. ${last.error}`;
  const calls = last.sources.reduce((total, source) => total + source.calls, 0);
  return calls === 0 ? 'Nothing was new.' : `${counted(calls, 'new call was', 'new calls were')} imported.`;
}

/** How much of it is read, from 0 to 1. */
export function importShare(running: Pick<ImportProgress, 'bytes' | 'bytes_total'>): number {
  return running.bytes_total <= 0 ? 0 : Math.min(1, running.bytes / running.bytes_total);
}

/** Whether each tool's logs were read once. */
export function allImported(logs: Logs): boolean {
  return logs.sources.length > 0 && logs.sources.every((source) => source.imported_until !== null);
}
