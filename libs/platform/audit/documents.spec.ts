import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { CompactRange, leafHash, openCheckpoint } from '#tlog';
import { AUDIT_EVENT_KINDS, auditEvent } from './audit.events.ts';
import { TAMPERINGS } from './bundle-report.ts';

/** What outsiders read must be what the code does: they write verifiers and judgements from it. */
const guide = readFileSync(shipped('docs/guides/auditor.md'), 'utf8');
const format = readFileSync(shipped('docs/log-format.md'), 'utf8');

describe("the auditor's guide", () => {
  /** Kind → members, as the guide's table has them. A row may name two kinds. */
  const table = new Map(
    [...guide.matchAll(/^\| (`[a-z-]+\.[a-z-]+`[^|]*)\|([^|]*)\|/gm)].flatMap(([, kinds, members]) =>
      [...kinds!.matchAll(/`([a-z.-]+)`/g)].map(
        ([, kind]) => [kind!, [...members!.matchAll(/`(\w+)`/g)].map(([, name]) => name!).toSorted()] as const,
      ),
    ),
  );

  it('explains every kind of event, and no kind that does not exist', () => {
    expect([...table.keys()].toSorted()).toEqual([...AUDIT_EVENT_KINDS].toSorted());
  });

  it('names exactly the members of each', () => {
    for (const option of auditEvent.options)
      expect(table.get(option.shape.kind.value), option.shape.kind.value).toEqual(
        Object.keys(option.shape.data.shape).toSorted(),
      );
  });

  it('explains every word of a verdict, as the format does', () => {
    for (const word of TAMPERINGS) {
      expect(guide).toContain(`\`${word}\``);
      expect(format).toContain(`**\`${word}\`**`);
    }
  });
});

describe('the example of the format', () => {
  const block = (name: string): string => {
    const found = new RegExp(`^\`\`\`text ${name}[^\\n]*\\n([^]*?)^\`\`\`$`, 'm').exec(format)?.[1];
    if (found === undefined) throw new Error(`docs/log-format.md has no block ${name}`);
    return found;
  };

  it('verifies: lines, leaves, root and signature', () => {
    const range = new CompactRange();
    const lines = block('entries.jsonl').trimEnd().split('\n');
    const leaves = lines.map((line) => leafHash(Buffer.from(line)));
    expect(leaves.map((leaf) => leaf.toString('hex'))).toEqual(block('leaves.bin').trimEnd().split('\n'));
    for (const leaf of leaves) range.append(leaf);
    const { size, root } = openCheckpoint(block('checkpoint'), [block('log.vkey')], 'example.org/log');
    expect([size, root]).toEqual([3, range.root()]);
  });

  it('holds lines that the schemas take', () => {
    for (const line of block('entries.jsonl').trimEnd().split('\n')) {
      const { type, data } = JSON.parse(line) as { type: string; data: unknown };
      expect(auditEvent.safeParse({ kind: type, data })).toMatchObject({ success: true });
    }
  });
});
