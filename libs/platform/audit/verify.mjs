// Offline verifier of an Assent audit bundle: node verify.mjs [FOLDER...] [--key LOG.VKEY] [--known CHECKPOINT]
// Exit 0: every line is as the log signed it. 1: it is not, and the first bad line is named. 2: the bundle cannot be read.
// --key: your own copy of the log's key (without it, the bundle's is believed). --known: a checkpoint that you kept from before.
// One line of output per folder; the worst one gives the exit code. Nothing but Node 18 or newer. Written from docs/log-format.md; it shares no code with the service.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const args = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args.splice(args.indexOf(name), 2)[1] : undefined);
const keyFile = option('--key');
const knownFile = option('--known');
const folders = args.length > 0 ? args : [dirname(fileURLToPath(import.meta.url))];

class Verdict extends Error {}
const end = (kind, text, at) => {
  throw new Verdict(`${kind}: ${at === undefined ? '' : `entry ${at}: `}${text}`);
};
const sha = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
const node = (left, right) => sha(Buffer.from([1]), left, right);
const leaf = (line) => sha(Buffer.from([0]), line);
const isHash = (b) => b.length === 32;
const whole = (n) => Number.isSafeInteger(n) && n >= 0;
const strict64 = (text) => {
  const bytes = Buffer.from(String(text), 'base64');
  return bytes.toString('base64') === text ? bytes : Buffer.alloc(0);
};

/** C2SP signed-note and tlog-checkpoint. */
function openCheckpoint(note, vkey, origin) {
  const [, name, id, value] =
    /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey.trim()) ?? end('checkpoint-forged', 'no verifier key');
  const raw = strict64(value).subarray(1);
  const keyId = sha(Buffer.from(`${name}\n`), Buffer.from([1]), raw).subarray(0, 4);
  const canonical = (raw[31] & 0x7f) !== 0x7f || raw[0] < 0xed || raw.subarray(1, 31).some((byte) => byte !== 0xff); // y < 2^255 - 19
  if (raw.length !== 32 || !canonical || keyId.toString('hex') !== id) end('checkpoint-forged', 'the verifier key is damaged');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  const cut = note.lastIndexOf('\n\n');
  if (cut < 0 || !note.endsWith('\n')) end('checkpoint-forged', 'no signature block');
  const text = note.slice(0, cut + 1);
  let good = false;
  for (const line of note.slice(cut + 2, -1).split('\n')) {
    const [, by, signature] =
      /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? end('checkpoint-forged', 'malformed signature line');
    const bytes = strict64(signature);
    if (bytes.length === 0) end('checkpoint-forged', 'malformed signature line');
    if (by !== name || !bytes.subarray(0, 4).equals(keyId)) continue;
    if (bytes.length !== 68 || !verify(null, Buffer.from(text), key, bytes.subarray(4)))
      end('checkpoint-forged', 'the signature does not verify');
    good = true;
  }
  if (!good) end('foreign-key', 'the checkpoint is not signed by this key');
  const [named, size, root] = text.split('\n');
  if (named !== origin || !/^(0|[1-9][0-9]*)$/.test(size) || !whole(Number(size)) || !isHash(strict64(root)))
    end('checkpoint-forged', 'not a checkpoint of this log');
  return { size: Number(size), root: strict64(root) };
}

/** RFC 9162 §2.1.4.2. */
function consistent(m, n, proof, oldRoot, root) {
  if (m === n) return proof.length === 0 && oldRoot.equals(root);
  if (proof.length === 0) return false;
  const path = Number.isInteger(Math.log2(m)) ? [oldRoot, ...proof] : proof;
  let [fn, sn] = [BigInt(m - 1), BigInt(n - 1)];
  for (; fn & 1n; fn >>= 1n) sn >>= 1n;
  let [fr, sr] = [path[0], path[0]];
  for (const c of path.slice(1)) {
    if (sn === 0n) return false;
    if (fn & 1n || fn === sn) {
      [fr, sr] = [node(c, fr), node(c, sr)];
      for (; !(fn & 1n) && fn; fn >>= 1n) sn >>= 1n;
    } else sr = node(sr, c);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && fr.equals(oldRoot) && sr.equals(root);
}

/** A log that grows: one root per set bit of its size, largest first. */
const bits = (n) => n.toString(2).replaceAll('0', '').length;
const grow = (size, roots) => ({ size, roots: [...roots] });
function add(log, hash) {
  for (let rest = log.size++; rest % 2 === 1; rest = (rest - 1) / 2) hash = node(log.roots.pop(), hash);
  log.roots.push(hash);
}
const rootOf = ({ roots }) => (roots.length === 0 ? sha() : roots.reduceRight((right, left) => node(left, right)));

function readBundle(folder) {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
    const proof = JSON.parse(readFileSync(join(folder, 'proof.json'), 'utf8'));
    const { since, entries, complete, format, origin } = manifest;
    const fits = format === 'assent-audit-bundle/2' && typeof origin === 'string' && typeof complete === 'boolean';
    if (!fits || !whole(since) || !whole(entries) || !whole(proof.oldSize)) throw new Error('manifest.json or proof.json');
    const [oldRoot, ...hashes] = [proof.oldRoot, ...proof.prefix, ...proof.hashes].map(strict64);
    if (![oldRoot, ...hashes].every(isHash)) throw new Error('proof.json');
    const text = readFileSync(join(folder, 'entries.jsonl'));
    const lines = [];
    let from = 0;
    for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, from)) {
      lines.push(text.subarray(from, at));
      from = at + 1;
    }
    const closed = from === text.length;
    if (!closed) lines.push(text.subarray(from));
    return {
      manifest,
      proof: {
        oldSize: proof.oldSize,
        oldRoot,
        prefix: hashes.slice(0, proof.prefix.length),
        hashes: hashes.slice(proof.prefix.length),
      },
      note: readFileSync(join(folder, 'checkpoint'), 'utf8'),
      vkey: readFileSync(keyFile ?? join(folder, 'log.vkey'), 'utf8'),
      known: knownFile === undefined ? undefined : readFileSync(knownFile, 'utf8'),
      raw: readFileSync(join(folder, 'leaves.bin')),
      lines,
      closed,
    };
  } catch (error) {
    return end('bundle-unreadable', error.message);
  }
}

function checkTenant({ manifest, lines, closed }, leaves, mine) {
  let before = manifest.since - 1;
  lines.forEach((line, i) => {
    let [at, source] = [-1, undefined];
    try {
      const envelope = Object(JSON.parse(line.toString()));
      [at, source] = [Number.isSafeInteger(envelope.sequence) ? envelope.sequence : -1, envelope.source];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error; // not JSON any more: named below
    }
    const right = at >= manifest.since && leaves[at - manifest.since]?.equals(mine[i]);
    if (!right && !closed && i === lines.length - 1) end('tail-truncated', 'the file ends in the middle of a line');
    if (!right) end('line-edited', `line ${i + 1} was changed`, at < 0 ? undefined : at);
    if (source !== (manifest.source ?? undefined)) end('line-added', "another tenant's line", at);
    if (at <= before) end('lines-swapped', `stands after entry ${before}`, at);
    before = at;
  });
  if (!closed) end('tail-truncated', 'the end of the line is missing', before);
  if (lines.length < manifest.entries) end('line-deleted', `${manifest.entries - lines.length} lines are missing`);
  if (lines.length > manifest.entries) end('line-added', 'more lines than the manifest says');
}

function checkLines({ manifest: { since }, closed }, leaves, mine) {
  const same = (line, entry) => mine[line] !== undefined && leaves[entry] !== undefined && mine[line].equals(leaves[entry]);
  let i = 0;
  while (same(i, i)) i++;
  const at = since + i;
  if (i === mine.length && i === leaves.length)
    return closed ? undefined : end('tail-truncated', 'the end of the line is missing', at - 1);
  if (i === mine.length) end('tail-truncated', `${leaves.length - i} entries are missing from here on`, at);
  if (i === leaves.length) end('line-added', `line ${i + 1} and later are not in the log`, at);
  if (same(i, i + 1) && same(i + 1, i)) end('lines-swapped', 'changed places with the next one', at);
  const home = leaves.findIndex((hash) => hash.equals(mine[i]));
  if (mine.length < leaves.length && home > i) end('line-deleted', `${home - i} entries were taken out from here on`, at);
  if (mine.length > leaves.length && mine.findIndex((hash, n) => n > i && hash.equals(leaves[i])) > i)
    end('line-added', `line ${i + 1} is not in the log at this place`, at);
  if (home >= 0) end('lines-swapped', `entry ${since + home} stands here`, at);
  if (!closed && i === mine.length - 1) end('tail-truncated', 'the file ends in the middle of it', at);
  return end('line-edited', 'was changed', at);
}

function check(folder) {
  const bundle = readBundle(folder);
  const { manifest, proof, raw, lines, closed, vkey } = bundle;
  const { since } = manifest;
  // 1. The checkpoint is signed by the log's key.
  const { size, root } = openCheckpoint(bundle.note, vkey, manifest.origin);
  // 2. The hashes that stand for entries 0..since are what the log signed.
  if (since > size || proof.oldSize !== since) end('proof-broken', 'the consistency proof is about another state of the log');
  if (proof.prefix.length !== bits(since) || !rootOf(grow(since, proof.prefix)).equals(proof.oldRoot))
    end('proof-broken', 'the beginning of the log is not the one that the proof is about');
  if (since === 0 ? proof.hashes.length > 0 : !consistent(since, size, proof.hashes, proof.oldRoot, root))
    end('proof-broken', 'the consistency proof does not verify');
  // 3. Every line is its leaf, and the leaves give the signed root.
  const gives = (hashes) => {
    if (hashes.length !== size - since) return false;
    const log = grow(since, proof.prefix);
    for (const hash of hashes) add(log, hash);
    return rootOf(log).equals(root);
  };
  const mine = lines.map(leaf);
  const leaves = Array.from({ length: Math.floor(raw.length / 32) }, (_, i) => raw.subarray(32 * i, 32 * i + 32));
  if (manifest.complete && closed && gives(mine)) {
    if (!Buffer.concat(mine).equals(raw)) end('bundle-damaged', 'all lines are right; leaves.bin is not theirs');
  } else {
    if (raw.length % 32 !== 0 || !gives(leaves)) end('tree-rewritten', 'neither lines nor leaf hashes give the signed root');
    if (manifest.complete) checkLines(bundle, leaves, mine);
    else checkTenant(bundle, leaves, mine);
  }
  // 4. The log continues the checkpoint that you kept.
  let note = keyFile ? '' : ' (key taken from the bundle)';
  if (bundle.known !== undefined) {
    const known = openCheckpoint(bundle.known, vkey, manifest.origin);
    if (known.size > size) end('log-shorter', `the bundle ends at ${size}, your checkpoint at ${known.size}`);
    if (known.size >= since) {
      const log = grow(since, proof.prefix);
      for (let i = 0; log.size < known.size; i++) add(log, leaves[i]);
      if (!rootOf(log).equals(known.root)) end('history-rewritten', `the first ${known.size} entries are not those you saw`);
    } else note += ` (your checkpoint of ${known.size} lies before the first line and was not compared)`;
  }
  const scope = manifest.complete ? '' : ' of one tenant';
  return `ok: ${lines.length} entries${scope} from ${since} to ${size}, all as ${manifest.origin} signed them${note}`;
}

process.exitCode = 0;
for (const folder of folders) {
  try {
    console.log(check(folder));
  } catch (error) {
    if (!(error instanceof Verdict)) throw error;
    console.log(error.message);
    process.exitCode = Math.max(process.exitCode, error.message.startsWith('bundle-unreadable') ? 2 : 1);
  }
}
