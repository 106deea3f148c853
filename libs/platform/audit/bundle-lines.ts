import { HASH_BYTES, leafHash } from '#tlog';
import type { Finding } from './bundle-report.ts';

/** Leaf hashes side by side. */
export class Leaves {
  readonly count: number;
  constructor(readonly bytes: Buffer) {
    this.count = Math.floor(bytes.length / HASH_BYTES);
  }
  at(i: number): Buffer {
    return this.bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
  }
  /** First place from `from` on that holds `leaf`, or -1. */
  find(leaf: Uint8Array, from = 0): number {
    let at = this.bytes.indexOf(leaf, from * HASH_BYTES);
    while (at >= 0 && at % HASH_BYTES !== 0) at = this.bytes.indexOf(leaf, at + 1);
    return at < 0 ? -1 : at / HASH_BYTES;
  }
}

export interface ReadLines {
  readonly leaves: Leaves;
  /** False when the last line has no newline: the file was cut. */
  readonly closed: boolean;
}

/** Hashes the lines of a file as they are, byte for byte: never through text, which would mend what is broken. */
export async function readLines(
  chunks: AsyncIterable<Buffer>,
  eachLine: (line: Buffer, number: number) => void = () => undefined,
): Promise<ReadLines> {
  const blocks: Buffer[] = [];
  let block = Buffer.alloc(HASH_BYTES * 4096);
  let filled = 0;
  let lines = 0;
  const add = (line: Buffer): void => {
    if (filled === block.length) {
      blocks.push(block);
      block = Buffer.alloc(block.length);
      filled = 0;
    }
    filled += leafHash(line).copy(block, filled);
    eachLine(line, lines++);
  };
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      add(bytes.subarray(from, end));
      from = end + 1;
    }
    rest = bytes.subarray(from);
  }
  const closed = rest.length === 0;
  if (!closed) add(rest);
  return { leaves: new Leaves(Buffer.concat([...blocks, block.subarray(0, filled)])), closed };
}

/** Names the first line that is not the log's, and what happened to it. `hashes` are the log's own, from entry `since` on. */
export function compareLines({ leaves: lines, closed }: ReadLines, hashes: Leaves, since: number): Finding | undefined {
  const same = (line: number, entry: number): boolean =>
    line < lines.count && entry < hashes.count && lines.at(line).equals(hashes.at(entry));
  let i = 0;
  while (same(i, i)) i++;
  const at = since + i;
  if (i === lines.count && i === hashes.count)
    return closed ? undefined : { tampering: 'tail-truncated', at: at - 1, detail: `Entry ${at - 1} lost the end of its line.` };
  if (i === lines.count)
    return { tampering: 'tail-truncated', at, detail: `${hashes.count - i} entries are missing at the end, from ${at} on.` };
  if (i === hashes.count) return { tampering: 'line-added', at, detail: `Line ${i + 1} and later are not in the log.` };
  if (same(i, i + 1) && same(i + 1, i))
    return { tampering: 'lines-swapped', at, detail: `Entries ${at} and ${at + 1} stand in each other's place.` };
  const home = hashes.find(lines.at(i));
  if (lines.count < hashes.count && home > i)
    return { tampering: 'line-deleted', at, detail: `${home - i} entries were taken out, from ${at} on.` };
  if (lines.count > hashes.count && lines.find(hashes.at(i), i) > i)
    return { tampering: 'line-added', at, detail: `Line ${i + 1} was put in; it is not in the log at that place.` };
  if (home >= 0) return { tampering: 'lines-swapped', at, detail: `Entry ${since + home} stands in the place of entry ${at}.` };
  if (!closed && i === lines.count - 1)
    return { tampering: 'tail-truncated', at, detail: `The file ends in the middle of entry ${at}.` };
  return { tampering: 'line-edited', at, detail: `Entry ${at} was changed.` };
}
