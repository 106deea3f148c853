import type { Leaves, ReadLines } from './bundle-lines.ts';
import type { Finding } from './bundle-report.ts';

/** The lines of one tenant: each names its own place in the log, so that its leaf can be found. */
export class TenantLines {
  readonly #places: { sequence: number; source: unknown }[] = [];

  readonly add = (line: Buffer): void => {
    let envelope: { sequence?: unknown; source?: unknown } = {};
    try {
      envelope = JSON.parse(line.toString()) as typeof envelope;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // not JSON any more: it stays without a place, and `compare` names it
    }
    const { sequence, source } = Object(envelope) as typeof envelope;
    this.#places.push({ sequence: Number.isSafeInteger(sequence) ? (sequence as number) : -1, source });
  };

  /** Names the first line that is not at its place. What was left out whole cannot be seen, except by `entries` of the manifest. */
  compare(lines: ReadLines, hashes: Leaves, since: number, entries: number, source: string | undefined): Finding | undefined {
    let before = since - 1;
    for (const [i, place] of this.#places.entries()) {
      const { sequence } = place;
      const known =
        sequence >= since && sequence < since + hashes.count && lines.leaves.at(i).equals(hashes.at(sequence - since));
      if (!known) {
        if (!lines.closed && i === this.#places.length - 1)
          return { tampering: 'tail-truncated', detail: 'The file ends in the middle of a line.' };
        const where = sequence < 0 ? `Line ${i + 1}` : `Entry ${sequence}`;
        return { tampering: 'line-edited', detail: `${where} was changed.`, ...(sequence < 0 ? {} : { at: sequence }) };
      }
      if (place.source !== source)
        return { tampering: 'line-added', at: sequence, detail: `Entry ${sequence} is another tenant's.` };
      if (sequence <= before)
        return { tampering: 'lines-swapped', at: sequence, detail: `Entry ${sequence} stands after entry ${before}.` };
      before = sequence;
    }
    if (!lines.closed) return { tampering: 'tail-truncated', at: before, detail: `Entry ${before} lost the end of its line.` };
    if (this.#places.length < entries)
      return { tampering: 'line-deleted', detail: `${entries - this.#places.length} of ${entries} lines are missing.` };
    if (this.#places.length > entries) return { tampering: 'line-added', detail: 'There are more lines than the manifest says.' };
    return undefined;
  }
}
