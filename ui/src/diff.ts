/** A change of a file as `diff -u` has it, line by line. */

export interface DiffLine {
  kind: 'added' | 'removed' | 'same' | 'skip';
  /** Without the sign before it. */
  text: string;
}

/** Lines without the names of the file; `skip` stands between parts that are not next to each other. */
export function diffLines(diff: string): DiffLine[] {
  const lines: DiffLine[] = [];
  let isHead = true;
  for (const line of diff.replace(/\n$/, '').split('\n')) {
    if (line.startsWith('@@')) {
      isHead = false;
      if (lines.length > 0) lines.push({ kind: 'skip', text: '' });
    } else if (isHead) continue;
    else if (line.startsWith('+')) lines.push({ kind: 'added', text: line.slice(1) });
    else if (line.startsWith('-')) lines.push({ kind: 'removed', text: line.slice(1) });
    else if (!line.startsWith('\\')) lines.push({ kind: 'same', text: line.slice(1) });
  }
  return lines;
}

/** How much changes, in words: `3 lines added, 1 removed`. */
export function diffWords(lines: readonly DiffLine[]): string {
  const added = lines.filter((line) => line.kind === 'added').length;
  const removed = lines.filter((line) => line.kind === 'removed').length;
  const first = added > 0 ? `${added} ${added === 1 ? 'line' : 'lines'} added` : '';
  if (removed === 0) return first === '' ? 'Nothing changes' : first;
  return first === '' ? `${removed} ${removed === 1 ? 'line' : 'lines'} removed` : `${first}, ${removed} removed`;
}
