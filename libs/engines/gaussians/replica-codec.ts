import { createHash } from 'node:crypto';
import { z } from 'zod';
import { COEFFICIENTS } from '#face';
import { beyond, POSE_COLUMNS, TORSO_COLUMNS } from './drive-rig.ts';
import { InvalidReplicaError } from './gaussians.errors.ts';
import { fromHalf, toHalf } from './half-float.ts';
import { HEAD_SHARE_LIMITS, type Replica } from './replica.ts';
import { ATTRIBUTES, BLOCK_NAMES, type SplatBlock } from './splat-layout.ts';

/**
 * Container of a replica, little-endian: "ASRP", u32 version, u32 header bytes, header (JSON), padding to 4, sections, sha256 of all
 * before it. Sections in this order: base f32, head share f32, triangle u16, barycentric f32, height f32 (each padded to 4), deltas f16 block by
 * block, plate u8. Their lengths follow from the header, so that there is nothing to point out of bounds with.
 */
const MAGIC = 0x50525341;
const VERSION = 1;
const MAX_HEADER = 1 << 20;
const DIGEST = 32;

const finite = z.number();
const pair = z.tuple([finite, finite]);
const column = z.strictObject({
  name: z.string().max(40),
  mean: finite,
  scale: finite.positive(),
  less: z.array(z.strictObject({ name: z.enum(COEFFICIENTS), by: finite })).max(8),
  lo: finite,
  hi: finite,
  floor: finite,
  ceiling: finite,
  seenLo: finite,
  seenHi: finite,
});
const header = z.strictObject({
  manifest: z.strictObject({
    engine: z.string().max(40),
    seed: z.int(),
    size: z.int().min(16).max(1024).multipleOf(4),
    splats: z.int().min(1).max(200_000),
    bases: z.record(z.string().max(40), z.int().min(0).max(96)),
    iterations: z.int().min(0),
    trainingFrames: z.int().min(0),
    ranges: z.array(z.strictObject({ name: z.string().max(40), lo: finite, hi: finite })).max(128),
    head: z.string().max(64),
    models: z.record(z.string().max(80), z.string().max(80)),
  }),
  rig: z.strictObject({
    units: z.strictObject({ eyes: finite.positive(), side: z.int() }),
    reference: z.strictObject({ R: z.array(finite).length(9), s: finite.positive(), x: finite, y: finite }),
    torsoCentre: pair,
    torsoRule: z.array(z.array(finite).length(7)).length(4),
    columns: z.array(column).max(128),
  }),
  blocks: z
    .array(z.strictObject({ name: z.enum(BLOCK_NAMES), count: z.int().min(0), columns: z.array(z.string().max(40)).max(96) }))
    .max(BLOCK_NAMES.length),
});
type Header = z.infer<typeof header>;

const KNOWN_COLUMNS: ReadonlySet<string> = new Set([...COEFFICIENTS, ...POSE_COLUMNS, ...TORSO_COLUMNS]);

/** Bytes of a replica; the same replica gives the same bytes. Deltas lose what 16 bits cannot hold (a fit has already rounded them). */
export function encodeReplica({ manifest, model, rig, bindings, plate }: Replica): Uint8Array {
  const { reference, torsoRule } = rig;
  const head: Header = {
    manifest: { ...manifest, bases: { ...manifest.bases }, ranges: [...manifest.ranges], models: sorted(manifest.models) },
    rig: {
      units: { ...rig.units },
      reference: { R: [...reference.R], s: reference.s, x: reference.x, y: reference.y },
      torsoCentre: [rig.torsoCentre[0], rig.torsoCentre[1]],
      torsoRule: torsoRule.map((row) => [...row]),
      columns: rig.columns as Header['rig']['columns'],
    },
    blocks: model.blocks.map(({ name, count, columns }) => ({ name, count, columns: [...columns] })),
  };
  const json = new TextEncoder().encode(JSON.stringify(head));
  const layout = sectionsOf(head, 12 + json.length);
  const out = new Uint8Array(layout.end + DIGEST);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, json.length, true);
  out.set(json, 12);
  const floats = (at: number, values: Float32Array): void => values.forEach((v, i) => view.setFloat32(at + 4 * i, v, true));
  floats(layout.base, model.base);
  floats(layout.share, model.headShare);
  bindings.triangle.forEach((v, i) => view.setUint16(layout.triangle + 2 * i, v, true));
  floats(layout.barycentric, bindings.barycentric);
  floats(layout.height, bindings.height);
  model.blocks.forEach(({ delta }, k) => delta.forEach((v, i) => view.setUint16(layout.deltas[k]! + 2 * i, toHalf(v), true)));
  out.set(plate, layout.plate);
  out.set(createHash('sha256').update(out.subarray(0, layout.end)).digest(), layout.end);
  return out;
}

const sorted = (record: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Where the sections lie: all from counts in the header. */
function sectionsOf({ manifest, blocks }: Header, start: number) {
  let at = start;
  const take = (bytes: number): number => {
    at = (at + 3) & ~3;
    const here = at;
    at += bytes;
    return here;
  };
  const n = manifest.splats;
  const base = take(4 * ATTRIBUTES * n);
  const share = take(4 * n);
  const triangle = take(2 * n);
  const barycentric = take(8 * n);
  const height = take(4 * n);
  const deltas = blocks.map(({ count, columns }) => take(2 * ATTRIBUTES * count * columns.length));
  const plate = take(3 * manifest.size ** 2);
  return { base, share, triangle, barycentric, height, deltas, plate, end: at };
}

/**
 * Reads a replica. Every length, count and number is checked before anything of that size is made.
 * @throws InvalidReplicaError saying what is wrong; nothing else, whatever the bytes are.
 */
export function decodeReplica(bytes: Uint8Array): Replica {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refuse = (why: string): never => {
    throw new InvalidReplicaError(`The replica cannot be read: ${why}. Take the file as the platform wrote it.`);
  };
  if (bytes.length < 12 || view.getUint32(0, true) !== MAGIC) return refuse('it does not begin like one');
  if (view.getUint32(4, true) !== VERSION)
    return refuse(`it is of version ${view.getUint32(4, true)}, this engine reads ${VERSION}`);
  const length = view.getUint32(8, true);
  if (length > MAX_HEADER || 12 + length > bytes.length) return refuse('its header reaches past its end');
  const head = readHeader(bytes.subarray(12, 12 + length), refuse);
  const layout = sectionsOf(head, 12 + length);
  if (bytes.length !== layout.end + DIGEST) return refuse(`it has ${bytes.length} bytes, its header says ${layout.end + DIGEST}`);
  const digest = createHash('sha256').update(bytes.subarray(0, layout.end)).digest();
  if (!digest.equals(bytes.subarray(layout.end))) return refuse('it was changed (sha256)');
  const read = new SectionReader(view, refuse);
  const n = head.manifest.splats;
  let first = 0;
  const blocks = head.blocks.map((block, k): SplatBlock => {
    const delta = read.halves(layout.deltas[k]!, ATTRIBUTES * block.count * block.columns.length);
    const found = { ...block, first, delta };
    first += block.count;
    return found;
  });
  const { rig } = head;
  return {
    manifest: head.manifest,
    model: {
      count: n,
      base: read.floats(layout.base, ATTRIBUTES * n),
      headShare: read.floats(layout.share, n, HEAD_SHARE_LIMITS),
      blocks,
    },
    rig: {
      ...rig,
      reference: { ...rig.reference, R: Float64Array.from(rig.reference.R) },
      torsoRule: rig.torsoRule.map((row) => Float64Array.from(row)),
    },
    bindings: {
      triangle: Uint16Array.from({ length: n }, (_, i) => view.getUint16(layout.triangle + 2 * i, true)),
      barycentric: read.floats(layout.barycentric, 2 * n),
      height: read.floats(layout.height, n),
    },
    plate: bytes.slice(layout.plate, layout.end),
  };
}

function readHeader(bytes: Uint8Array, refuse: (why: string) => never): Header {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InvalidReplicaError(
      'The replica cannot be read: its header is no JSON. Take the file as the platform wrote it.',
      {},
      { cause },
    );
  }
  const parsed = header.safeParse(document);
  if (!parsed.success) return refuse(`its header has faults at ${parsed.error.issues.map((i) => i.path.join('.')).slice(0, 5).join(', ')}`); // prettier-ignore
  const { manifest, blocks, rig } = parsed.data;
  const names = new Set(rig.columns.flatMap(({ name }) => [name, beyond(name)]));
  if (blocks.reduce((sum, b) => sum + b.count, 0) !== manifest.splats) return refuse('its blocks do not add up to its splats');
  if (new Set(blocks.map((b) => b.name)).size !== blocks.length) return refuse('it names a block twice');
  if (blocks.some((b) => b.columns.some((name) => !names.has(name))))
    return refuse('a block is driven by a column that it does not define');
  const unknown = rig.columns.find(({ name }) => !KNOWN_COLUMNS.has(name));
  if (unknown) return refuse(`it is driven by "${unknown.name}", which is no name of this engine`);
  if (rig.units.side !== manifest.size) return refuse('its rig is of another size');
  return parsed.data;
}

class SectionReader {
  constructor(
    private readonly view: DataView,
    private readonly refuse: (why: string) => never,
  ) {}

  floats(at: number, length: number, [lo, hi]: readonly [number, number] = [-1e6, 1e6]): Float32Array {
    const out = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const v = this.view.getFloat32(at + 4 * i, true);
      if (!(v >= lo && v <= hi)) this.refuse('it holds a number that no fit makes');
      out[i] = v;
    }
    return out;
  }

  halves(at: number, length: number): Float32Array {
    const out = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      const bits = this.view.getUint16(at + 2 * i, true);
      if ((bits & 0x7c00) === 0x7c00) this.refuse('it holds a number that no fit makes');
      out[i] = fromHalf(bits);
    }
    return out;
  }
}
