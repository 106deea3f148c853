// Offline verifier of an Assent audit bundle. No dependency but Node 18+: node verify.mjs [FOLDER] [PINNED-KEY-FILE]
// Exit 0: every line is as the log signed it. 1: it is not; the first bad line is named. 2: the bundle cannot be read.
// Written from docs/log-format.md; it shares no code with the service.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2] ?? dirname(fileURLToPath(import.meta.url));
const sha = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
const leafOf = (line) => sha(Buffer.from([0]), Buffer.from(line));
const fail = (code, text) => {
  console.log(text);
  process.exit(code);
};

let lines, leaves, note, vkey, manifest;
try {
  const text = readFileSync(join(folder, 'entries.jsonl'), 'utf8');
  lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const raw = readFileSync(join(folder, 'leaves.bin'));
  leaves = Array.from({ length: Math.floor(raw.length / 32) }, (_, i) => raw.subarray(32 * i, 32 * i + 32));
  note = readFileSync(join(folder, 'checkpoint'), 'utf8');
  vkey = readFileSync(process.argv[3] ?? join(folder, 'log.vkey'), 'utf8').trim();
  manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
} catch (error) {
  fail(2, `bundle-unreadable: ${error.message}`);
}

// 1. The checkpoint is signed by the log's key.
const [, name, keyBytes] = /^([^+]+)\+[0-9a-f]{8}\+(.+)$/.exec(vkey) ?? fail(2, 'bundle-unreadable: log.vkey is no verifier key');
const publicRaw = Buffer.from(keyBytes, 'base64').subarray(1);
const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicRaw.toString('base64url') }, format: 'jwk' });
const keyId = sha(Buffer.from(`${name}\n`), Buffer.from([1]), publicRaw).subarray(0, 4);
const cut = note.lastIndexOf('\n\n');
const body = note.slice(0, cut + 1);
const signed = note
  .slice(cut + 2)
  .split('\n')
  .some((line) => {
    const [, by, value] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = Buffer.from(value ?? '', 'base64');
    return by === name && bytes.subarray(0, 4).equals(keyId) && verify(null, Buffer.from(body), key, bytes.subarray(4));
  });
const [origin, size, root] = body.split('\n');
if (cut < 0 || !signed || origin !== manifest.origin) fail(1, 'checkpoint-forged: the checkpoint is not signed by the log');

// 2. The leaf hashes give the signed root (RFC 6962).
const rootOf = (list) => {
  if (list.length === 0) return sha();
  let level = list;
  // Pairwise, the odd one moves up: the same tree as RFC 6962's recursive split.
  while (level.length > 1) {
    const next = [];
    for (let i = 0; i < level.length; i += 2)
      next.push(i + 1 < level.length ? sha(Buffer.from([1]), level[i], level[i + 1]) : level[i]);
    level = next;
  }
  return level[0];
};
if (leaves.length !== Number(size) || rootOf(leaves).toString('base64') !== root)
  fail(1, 'tree-rewritten: the leaf hashes do not give the signed root');

// 3. Every line is its leaf.
const since = manifest.since;
const expected = leaves.length - since;
const same = (line, entry) => line < lines.length && entry < expected && leafOf(lines[line]).equals(leaves[since + entry]);
let i = 0;
while (i < Math.min(lines.length, expected) && same(i, i)) i++;
const at = since + i;
if (i < expected || i < lines.length) {
  if (i === lines.length) fail(1, `tail-truncated: entries from ${at} on are missing`);
  if (i === expected) fail(1, `line-added: line ${i + 1} is not in the log`);
  if (same(i, i + 1) && same(i + 1, i)) fail(1, `lines-swapped: entries ${at} and ${at + 1}`);
  if (lines.length < expected && same(i, i + 1)) fail(1, `line-deleted: entry ${at}`);
  if (lines.length > expected && same(i + 1, i)) fail(1, `line-added: line ${i + 1}`);
  const moved = leaves.findIndex((leaf) => leaf.equals(leafOf(lines[i])));
  fail(1, moved >= 0 ? `lines-swapped: entry ${moved} in the place of ${at}` : `line-edited: entry ${at}`);
}
console.log(`ok: ${lines.length} entries of ${size}, all as signed by ${name}`);
