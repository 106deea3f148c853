import { spawnSync } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidInputError, NotFoundError, packageRoot } from '#kernel';
import { type TestDatabase, testDatabase } from '#testing';
import { CompactRange, leafHash, signCheckpoint } from '#tlog';
import { auditEntities } from './audit.entities.ts';
import { OPERATOR, OTHER, appendSome, identityOf, testSigner } from './audit.fixture.ts';
import type { Tampering } from './bundle-report.ts';
import { verifyBundle } from './bundle-verifier.ts';
import { exportBundle } from './bundle.ts';
import { HeadFile } from './head-file.ts';
import { logHead } from './log-reader.ts';
import { Sequencer } from './sequencer.ts';

const signer = testSigner();
const log = identityOf(signer);
const PYTHON = spawnSync('python3', ['--version']).status === 0;
if (!PYTHON) console.log('verify.py is not judged: there is no python3 here');

let t: TestDatabase;
let place: string;
let sequencer: Sequencer;
/** A bundle from entry 40 on that nobody touched. */
let good: string;
/** A checkpoint that the auditor kept from when the log had 300 entries. */
let kept: string;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'assent-bundle-'));
  t = await testDatabase([...auditEntities] as never[]);
  sequencer = new Sequencer(t.db, signer, new HeadFile(join(place, 'head')));
  await expect(exportBundle(t.db, log, 0, join(place, 'none'))).rejects.toThrow(NotFoundError);
  await appendSome(t.db, 300);
  await sequencer.drain();
  kept = (await logHead(t.db, log)).note;
  await appendSome(t.db, 30, 10, OTHER);
  await sequencer.drain();
  await appendSome(t.db, 97);
  await sequencer.drain();
  good = await bundle(40);
});
afterAll(async () => {
  await sequencer.stop();
  await t.close();
  rmSync(place, { recursive: true, force: true });
});

let count = 0;
async function bundle(since = 0, limits = {}): Promise<string> {
  const folder = join(place, `b${count++}`);
  await exportBundle(t.db, log, since, folder, limits);
  return folder;
}
/** A copy of the good bundle, changed. */
const attacked = (change: (folder: string) => void): string => {
  const folder = join(place, `a${count++}`);
  cpSync(good, folder, { recursive: true });
  change(folder);
  return folder;
};
const linesOf = (folder: string): string[] => readFileSync(join(folder, 'entries.jsonl'), 'utf8').trimEnd().split('\n');
const setLines = (folder: string, lines: string[]): void =>
  writeFileSync(join(folder, 'entries.jsonl'), lines.map((line) => line + '\n').join(''));
const edit = (folder: string, name: string, change: (text: string) => string): void =>
  writeFileSync(join(folder, name), change(readFileSync(join(folder, name), 'utf8')));
const json = (folder: string, name: string, change: (value: Record<string, unknown>) => void): void =>
  edit(folder, name, (text) => {
    const value = JSON.parse(text) as Record<string, unknown>;
    change(value);
    return JSON.stringify(value);
  });

interface Said {
  readonly kind: string;
  readonly at: number | undefined;
}
const SAID = /^([a-z-]+):(?: entry (\d+):)?/;

/** What an outsider's verifier says of each bundle: one process for all, because starting one costs more than checking ten. */
function outsider(program: string, script: string, folders: string[], known?: string): Said[] {
  const key = join(place, 'pinned.vkey');
  writeFileSync(key, signer.verifierKey);
  const knownFile = join(place, 'kept');
  if (known !== undefined) writeFileSync(knownFile, known);
  const args = [script, ...folders, '--key', key, ...(known === undefined ? [] : ['--known', knownFile])];
  const run = spawnSync(program, args, { encoding: 'utf8' });
  expect(run.stderr).toBe('');
  const lines = run.stdout.trimEnd().split('\n');
  const said = lines.map((line) => SAID.exec(line)!).map(([, kind, at]) => ({ kind: kind!, at: at ? Number(at) : undefined }));
  const worst = said.some(({ kind }) => kind === 'bundle-unreadable') ? 2 : said.some(({ kind }) => kind !== 'ok') ? 1 : 0;
  expect(run.status).toBe(worst);
  expect(said).toHaveLength(folders.length);
  return said;
}

/** Our verdicts on bundles; the verifiers that travel with a bundle must say the same. */
async function allJudges(folders: string[], known?: string): Promise<Said[]> {
  const verdicts: Said[] = [];
  let complete = true;
  for (const folder of folders) {
    const report = await verifyBundle(folder, signer.verifierKey, known);
    verdicts.push({ kind: report.ok ? 'ok' : report.tampering!, at: report.firstBad });
    complete &&= report.complete || !report.ok;
  }
  expect(outsider(process.execPath, join(good, 'verify.mjs'), folders, known)).toEqual(verdicts);
  if (PYTHON && complete) expect(outsider('python3', join(good, 'verify.py'), folders, known)).toEqual(verdicts);
  return verdicts;
}
const judged = async (folder: string, known?: string): Promise<Said> => (await allJudges([folder], known))[0]!;

describe('an export bundle', () => {
  it('verifies with each of the three verifiers, from the beginning and from the middle', async () => {
    const sinces = [0, 1, 255, 256, 300, 426, 427];
    const folders = await Promise.all(sinces.map((since) => bundle(since)));
    expect(new Set((await allJudges(folders, kept)).map(({ kind }) => kind))).toEqual(new Set(['ok']));
    for (const [i, since] of sinces.entries())
      expect(await verifyBundle(folders[i]!, signer.verifierKey, kept)).toMatchObject({
        size: 427, since, entries: 427 - since, complete: true, key: 'pinned', known: since <= 300 ? 'continued' : 'not-covered',
      }); // prettier-ignore
  });

  it('holds the exact lines of the log, each of them one CloudEvents envelope', async () => {
    const lines = linesOf(await bundle());
    const stored = await t.db.query<{ line: string }>('SELECT line FROM log_entries ORDER BY idx');
    expect(lines).toEqual(stored.map((row) => row.line));
    const envelope = JSON.parse(lines[17]!) as Record<string, unknown>;
    expect(envelope).toMatchObject({ specversion: '1.0', sequence: 17, actor: 'key_7f3a', datacontenttype: 'application/json' });
    expect(envelope['source']).toMatch(/^urn:assent:tenant:[0-9a-f]{32}$/);
    expect(lines.join('\n')).not.toContain('acme');
  });

  it('ends at a checkpoint that covers `until`, and refuses what the log does not have', async () => {
    const folder = join(place, 'until');
    expect(await exportBundle(t.db, log, 10, folder, { until: 299 })).toEqual({ since: 10, until: 300, entries: 290 });
    expect(await judged(folder, kept)).toEqual({ kind: 'ok', at: undefined });
    for (const [since, until] of [
      [-1, undefined],
      [428, undefined],
      [0.5, undefined],
      [10, 9],
      [0, 428],
      [0, 0],
    ] as const)
      // prettier-ignore
      await expect(exportBundle(t.db, log, since, folder, until === undefined ? {} : { until })).rejects.toThrow(InvalidInputError);
  });

  it('of one tenant shows no line of another, and says that it proves no completeness', async () => {
    const folder = await bundle(0, { tenantId: OTHER.tenantId });
    expect(linesOf(folder)).toHaveLength(30);
    expect(await verifyBundle(folder, signer.verifierKey)).toMatchObject({ ok: true, complete: false, entries: 30 });
    expect(await judged(folder)).toMatchObject({ kind: 'ok' });
    const foreign = linesOf(await bundle())[3]!;
    const attacks: [Tampering, (lines: string[]) => string[]][] = [
      ['line-edited', (l) => l.map((line, i) => (i === 4 ? line.replace('"actor":"key_99"', '"actor":"key_98"') : line))],
      ['line-edited', (l) => l.map((line, i) => (i === 4 ? 'no json' : line))],
      ['line-edited', (l) => l.map((line, i) => (i === 4 ? 'null' : line))],
      ['lines-swapped', (l) => [l[1]!, l[0]!, ...l.slice(2)]],
      ['line-deleted', (l) => l.slice(1)],
      ['line-added', (l) => [foreign, ...l]],
      ['lines-swapped', (l) => [...l, l[0]!]],
    ];
    const folders = attacks.map(([, change]) => {
      const copy = `${folder}-${count++}`;
      cpSync(folder, copy, { recursive: true });
      setLines(copy, change(linesOf(folder)));
      return copy;
    });
    const tenantOnly = outsider(process.execPath, join(good, 'verify.mjs'), folders);
    expect(tenantOnly.map(({ kind }) => kind)).toEqual(attacks.map(([kind]) => kind));
    for (const [i, said] of tenantOnly.entries())
      expect(await verifyBundle(folders[i]!, signer.verifierKey)).toMatchObject({ tampering: said.kind });
    expect(linesOf(await bundle(0, { tenantId: 'nobody' }))).toEqual(['']);
    expect(await verifyBundle(join(place, `b${count - 1}`), signer.verifierKey)).toMatchObject({ ok: true, entries: 0 });
    expect(OPERATOR.tenantId).not.toBe(OTHER.tenantId);
  });
});

describe('attacks on a bundle, by name', () => {
  const inLines = (change: (lines: string[]) => string[]) => (folder: string) => setLines(folder, change(linesOf(folder)));

  const ATTACKS: [string, Tampering, number | undefined, (folder: string) => void][] = [
    ['one byte of a line', 'line-edited', 45, inLines((l) => l.map((line, i) => (i === 5 ? line.replace('1.0', '1.1') : line)))],
    ['the first line', 'line-edited', 40, inLines((l) => l.map((line, i) => (i === 0 ? line + ' ' : line)))],
    ['a byte that is not UTF-8', 'line-edited', 40, (f) => {
      const bytes = readFileSync(join(f, 'entries.jsonl'));
      bytes[3] = 0xff;
      writeFileSync(join(f, 'entries.jsonl'), bytes);
    }],
    ['Windows line ends', 'line-edited', 40, (f) => edit(f, 'entries.jsonl', (text) => text.replaceAll('\n', '\r\n'))],
    ['a deleted line', 'line-deleted', 47, inLines((l) => l.filter((_, i) => i !== 7))],
    ['three deleted lines', 'line-deleted', 47, inLines((l) => l.filter((_, i) => i < 7 || i > 9))],
    ['an added line', 'line-added', 47, inLines((l) => [...l.slice(0, 7), l[7]!.replace('1.0', '9.9'), ...l.slice(7)])],
    ['a doubled line', 'line-added', 48, inLines((l) => [...l.slice(0, 8), l[7]!, ...l.slice(8)])],
    ['an empty line at the end', 'line-added', 427, (f) => edit(f, 'entries.jsonl', (text) => text + '\n')],
    ['a swapped pair', 'lines-swapped', 50, inLines((l) => l.map((_, i) => l[i === 10 ? 11 : i === 11 ? 10 : i]!))],
    ['two distant lines swapped', 'lines-swapped', 50, inLines((l) => l.map((_, i) => l[i === 10 ? 90 : i === 90 ? 10 : i]!))],
    ['a truncated tail', 'tail-truncated', 417, inLines((l) => l.slice(0, -10))],
    ['no line at all', 'tail-truncated', 40, (f) => writeFileSync(join(f, 'entries.jsonl'), '')],
    ['a tail cut inside a line', 'tail-truncated', 426, (f) => edit(f, 'entries.jsonl', (text) => text.slice(0, -20))],
    ['the last newline gone', 'tail-truncated', 426, (f) => edit(f, 'entries.jsonl', (text) => text.slice(0, -1))],
    ['line and leaf changed together', 'tree-rewritten', undefined, (f) => {
      const lines = linesOf(f);
      lines[5] = lines[5]!.replace('1.0', '1.1');
      setLines(f, lines);
      const leaves = readFileSync(join(f, 'leaves.bin'));
      leafHash(Buffer.from(lines[5])).copy(leaves, 5 * 32);
      writeFileSync(join(f, 'leaves.bin'), leaves);
    }],
    ['tail and leaves truncated together', 'tree-rewritten', undefined, (f) => {
      setLines(f, linesOf(f).slice(0, -3));
      writeFileSync(join(f, 'leaves.bin'), readFileSync(join(f, 'leaves.bin')).subarray(0, -96));
    }],
    ['only the leaves damaged', 'bundle-damaged', undefined, (f) => {
      const leaves = readFileSync(join(f, 'leaves.bin'));
      leaves[100]! ^= 1;
      writeFileSync(join(f, 'leaves.bin'), leaves);
    }],
    ['another root', 'checkpoint-forged', undefined, (f) =>
      edit(f, 'checkpoint', (text) => text.replace(/^(.*\n.*\n)(.*)\n/, (_, a: string) => `${a}${leafHash(Buffer.from('x')).toString('base64')}\n`))],
    ['another size', 'checkpoint-forged', undefined, (f) => edit(f, 'checkpoint', (text) => text.replace('\n427\n', '\n426\n'))],
    ['another origin', 'checkpoint-forged', undefined, (f) => json(f, 'manifest.json', (m) => (m['origin'] = 'other.example/log'))],
    ['no signature', 'checkpoint-forged', undefined, (f) => edit(f, 'checkpoint', (text) => text.slice(0, text.indexOf('—')))],
    ['a malformed signature line', 'checkpoint-forged', undefined, (f) => edit(f, 'checkpoint', (text) => text.trimEnd() + '!\n')],
    ['a signature in another spelling', 'checkpoint-forged', undefined, (f) => edit(f, 'checkpoint', (text) => text.trimEnd() + '=\n')],
    ['a wrong root signed by the log itself', 'proof-broken', undefined, (f) =>
      writeFileSync(join(f, 'checkpoint'), signCheckpoint({ origin: signer.name, size: 427, root: Buffer.alloc(32, 1) }, signer))],
    ['everything re-signed with a foreign key', 'foreign-key', undefined, (f) => {
      const foreign = testSigner(9);
      const lines = linesOf(f).map((line, i) => (i === 3 ? line.replace('1.0', '1.1') : line));
      setLines(f, lines);
      const proof = JSON.parse(readFileSync(join(f, 'proof.json'), 'utf8')) as { prefix: string[] };
      const range = CompactRange.of(40, proof.prefix.map((hash) => Buffer.from(hash, 'base64')));
      const leaves = lines.map((line) => leafHash(Buffer.from(line)));
      for (const leaf of leaves) range.append(leaf);
      writeFileSync(join(f, 'leaves.bin'), Buffer.concat(leaves));
      writeFileSync(join(f, 'checkpoint'), signCheckpoint({ origin: signer.name, size: 427, root: range.root() }, foreign));
      writeFileSync(join(f, 'log.vkey'), foreign.verifierKey + '\n');
    }],
    ['a later beginning than exported', 'proof-broken', undefined, (f) => {
      setLines(f, linesOf(f).slice(1));
      writeFileSync(join(f, 'leaves.bin'), readFileSync(join(f, 'leaves.bin')).subarray(32));
      json(f, 'manifest.json', (m) => (m['since'] = 41));
    }],
    ['another beginning', 'proof-broken', undefined, (f) => json(f, 'proof.json', (p) => (p['prefix'] as string[]).reverse())],
    ['a broken consistency proof', 'proof-broken', undefined, (f) => json(f, 'proof.json', (p) => (p['hashes'] as string[]).pop())],
    ['a manifest that is no JSON', 'bundle-unreadable', undefined, (f) => writeFileSync(join(f, 'manifest.json'), '{')],
    ['a missing file', 'bundle-unreadable', undefined, (f) => rmSync(join(f, 'leaves.bin'))],
  ]; // prettier-ignore
  const verdicts = new Map<string, Said>();
  beforeAll(async () => {
    const said = await allJudges(ATTACKS.map(([, , , change]) => attacked(change)));
    ATTACKS.forEach(([name], i) => void verdicts.set(name, said[i]!));
  });
  it.each(ATTACKS)('%s is found as %s, by every verifier', (name, kind, at) => {
    expect(verdicts.get(name)).toEqual({ kind, at });
  });

  it('says so when the key was only taken from the bundle', async () => {
    expect(await verifyBundle(good)).toMatchObject({ ok: true, key: 'from-bundle' });
  });
});

it('finds a flipped bit anywhere in lines or signature, in 60 bundles, with the same words as the other verifiers', async () => {
  let seed = 12345;
  const random = (n: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % n;
  const folders = Array.from({ length: 60 }, (_, i) =>
    attacked((f) => {
      const name = i % 6 === 5 ? 'checkpoint' : i % 6 === 4 ? 'leaves.bin' : 'entries.jsonl';
      const bytes = readFileSync(join(f, name));
      bytes[random(bytes.length)]! ^= 1 << random(7); // bit 7 would make the text verifiers stop at UTF-8
      writeFileSync(join(f, name), bytes);
    }),
  );
  const kinds = (await allJudges(folders)).map(({ kind }) => kind);
  expect(kinds).not.toContain('ok');
  expect(kinds).toContain('line-edited');
  expect(kinds).toContain('bundle-damaged');
});

describe('what only a party that remembers can see', () => {
  it('an insider who rewrites history and signs it again is caught by the checkpoint that the auditor kept', async () => {
    const folder = await bundle(0);
    const lines = linesOf(folder).filter((_, i) => i !== 12);
    const leaves = lines.map((line) => leafHash(Buffer.from(line)));
    const range = new CompactRange();
    for (const leaf of leaves) range.append(leaf);
    setLines(folder, lines);
    writeFileSync(join(folder, 'leaves.bin'), Buffer.concat(leaves));
    writeFileSync(
      join(folder, 'checkpoint'),
      signCheckpoint({ origin: signer.name, size: range.size, root: range.root() }, signer),
    );
    expect(await judged(folder)).toEqual({ kind: 'ok', at: undefined }); // nothing inside the bundle can tell
    expect(await judged(folder, kept)).toEqual({ kind: 'history-rewritten', at: undefined });
  });

  it('a log that was rolled back is shorter than the checkpoint that the auditor kept', async () => {
    const folder = await bundle(0, { until: 300 });
    expect(await judged(folder, (await logHead(t.db, log)).note)).toEqual({ kind: 'log-shorter', at: undefined });
  });

  it('a kept checkpoint that was forged helps nobody', async () => {
    const folder = await bundle(0);
    expect(await judged(folder, kept.replace('\n300\n', '\n299\n'))).toEqual({ kind: 'checkpoint-forged', at: undefined });
  });
});

it('travels alone: the verifiers run in the folder of the bundle without anything beside them', async () => {
  const folder = await bundle(0);
  const alone = mkdtempSync(join(tmpdir(), 'assent-alone-'));
  for (const name of [
    'entries.jsonl',
    'leaves.bin',
    'checkpoint',
    'log.vkey',
    'proof.json',
    'manifest.json',
    'verify.mjs',
    'verify.py',
  ])
    copyFileSync(join(folder, name), join(alone, name));
  expect(spawnSync(process.execPath, ['verify.mjs'], { cwd: alone, encoding: 'utf8' }).stdout).toMatch(
    /^ok: 427 entries.*key taken/,
  );
  rmSync(alone, { recursive: true });
});

const VECTORS = join(packageRoot(), '../shared/corpora/ed25519-edge-cases/ed25519vectors.json');
it.skipIf(!PYTHON || !existsSync(VECTORS))(
  'verify.py and OpenSSL agree on all 914 Ed25519 edge cases whose key is written canonically',
  () => {
    interface Vector {
      key: string;
      sig: string;
      msg: string;
      flags: string[] | null;
    }
    const vectors = (JSON.parse(readFileSync(VECTORS, 'utf8')) as Vector[]).filter((v) => !v.flags?.includes('non_canonical_A'));
    const openssl = vectors.map(({ key, sig, msg }) => {
      const x = Buffer.from(key, 'hex').toString('base64url');
      return verify(
        null,
        Buffer.from(msg),
        createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
        Buffer.from(sig, 'hex'),
      );
    });
    const script = `import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
hexed = lambda v, name: bytes.fromhex(v[name])
print(json.dumps([bool(verify.ed25519(hexed(v, 'key'), v['msg'].encode(), hexed(v, 'sig'))) for v in json.load(sys.stdin)]))`;
    const python = spawnSync('python3', ['-c', script, good], { encoding: 'utf8', input: JSON.stringify(vectors) });
    expect(python.stderr).toBe('');
    expect(JSON.parse(python.stdout)).toEqual(openssl);
  },
);
