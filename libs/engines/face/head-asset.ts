import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { shipped } from '#kernel';
import { HeadAssetError } from './face.errors.ts';

/** A direction in which the head can change: sparse displacements of vertices. */
export interface Target {
  readonly name: string;
  /** `unit`: an expression coefficient; `macro` and `shape`: identity. */
  readonly kind: 'unit' | 'macro' | 'shape';
  readonly lo: number;
  readonly hi: number;
  /** Vertices that move. */
  readonly index: Uint16Array;
  /** 3 metres per moving vertex, for a weight of 1. */
  readonly delta: Float32Array;
}

export interface Eyeball {
  readonly vertices: readonly number[];
  /** Vertex that is the centre of rotation. */
  readonly pivot: number;
}

/**
 * The CC0 head: mesh, 52 named expression units, identity targets, pivots, skin weights, correspondence with the 478 landmarks.
 * Metres; +x the subject's left, +y up, +z out of the face; origin at the head's pivot. Source and licence: assets/head/README.md.
 */
export interface HeadAsset {
  readonly sha256: string;
  readonly vertexCount: number;
  /** xyz per vertex of the mean adult head. The last rows are pivots and belong to no triangle. */
  readonly positions: Float32Array;
  /** u, v per uv point, 0..1, origin at the bottom left. */
  readonly uvs: Float32Array;
  /** Corner vertices, 3 per triangle, counter-clockwise seen from outside. */
  readonly triangles: Uint16Array;
  /** Corner uv points: the chart has seams, so they differ from `triangles`. */
  readonly triangleUvs: Uint16Array;
  /** Index into `regions`, per triangle. */
  readonly triangleRegion: Uint8Array;
  readonly regions: readonly string[];
  /** 2 bytes per vertex: weight of head and of neck out of 255; the rest is torso. */
  readonly skin: Uint8Array;
  /** Vertex on the other side of x = 0. */
  readonly mirror: Uint16Array;
  /** Joint name → vertex. */
  readonly pivots: Readonly<Record<string, number>>;
  /** The expression units, in the order of `COEFFICIENTS`. */
  readonly units: readonly Target[];
  /** 7 macro and 143 shape targets. */
  readonly identity: readonly Target[];
  /** The 478 landmarks on the surface: triangle, 3 barycentrics, expected error in metres (0: do not use). */
  readonly landmarks: {
    readonly triangle: Uint16Array;
    readonly bary: Float32Array;
    readonly sigma: Float32Array;
  };
  /** What the landmark net shows of each unit, and the modes of its error: 3 metres per point. */
  readonly observation: { readonly units: readonly Float64Array[]; readonly modes: readonly Float64Array[] };
  /** Linear reading of the units: 52 rows of weights over the features of `regressor.ts`, and one mean per unit. */
  readonly regressor: { readonly weights: Float32Array; readonly mean: Float32Array };
  readonly eyes: { readonly left: Eyeball; readonly right: Eyeball };
}

/**
 * Radians that an eyeball turns about its centre at eyeLook* = 1. The authored deltas move the ball linearly (it would sink)
 * and by 15, 10 and 11 degrees only; their lid part is kept as it is.
 */
export const GAZE = { in: 0.5, out: 0.5, up: 0.3, down: 0.34 } as const;

type SectionType = 'f32' | 'u16' | 'i16' | 'u8';
interface SectionHeader {
  readonly type: SectionType;
  readonly offset: number;
  readonly length: number;
}
interface AssetHeader {
  readonly format: string;
  readonly version: number;
  readonly binary: { readonly file: string; readonly bytes: number; readonly sha256: string };
  readonly vertices: number;
  readonly regions: string[];
  readonly pivots: Record<string, number>;
  readonly sections: Record<string, SectionHeader | undefined>;
  readonly targets: {
    readonly name: string;
    readonly kind: Target['kind'];
    readonly lo: number;
    readonly hi: number;
    readonly start: number;
    readonly count: number;
    readonly scale: number;
  }[];
  readonly observation: { unitScale: number; modeScale: number; units: number; modes: number };
  readonly regressor: { features: number; scale: number[]; mean: number[] };
}

const ARRAYS = { f32: Float32Array, u16: Uint16Array, i16: Int16Array, u8: Uint8Array } as const;
const POINTS = 478;

const loaded = new Map<string, HeadAsset>();

/**
 * The head asset, read once per process and folder.
 * @throws HeadAssetError when the files are missing, of another format, cut short, or do not have the recorded sha256.
 */
export function loadHeadAsset(folder: string = shipped('assets', 'head')): HeadAsset {
  const known = loaded.get(folder);
  if (known) return known;
  const { header, bytes } = readFiles(folder);
  const asset = assemble(header, bytes);
  loaded.set(folder, asset);
  return asset;
}

function readFiles(folder: string): { header: AssetHeader; bytes: ArrayBuffer } {
  let header: AssetHeader;
  let file: Buffer;
  try {
    header = JSON.parse(readFileSync(join(folder, 'head.json'), 'utf8')) as AssetHeader;
    file = readFileSync(join(folder, header.binary.file));
  } catch (cause) {
    throw new HeadAssetError('The head asset cannot be read: restore assets/head from the package.', {}, { cause });
  }
  if (header.format !== 'assent-head' || header.version !== 1) {
    throw new HeadAssetError('The head asset is not of format assent-head, version 1.');
  }
  const sha256 = createHash('sha256').update(file).digest('hex');
  if (file.byteLength !== header.binary.bytes || sha256 !== header.binary.sha256) {
    throw new HeadAssetError('The head asset was changed or cut short: restore assets/head from the package.', { sha256 });
  }
  // A copy: the sections are views, and Node's buffers may start at an odd offset.
  const bytes = new ArrayBuffer(file.byteLength);
  new Uint8Array(bytes).set(file);
  return { header, bytes };
}

function assemble(header: AssetHeader, bytes: ArrayBuffer): HeadAsset {
  const section = <T extends SectionType>(name: string, type: T): InstanceType<(typeof ARRAYS)[T]> => {
    const found = header.sections[name];
    if (found?.type !== type) throw new HeadAssetError(`The head asset has no section "${name}" of type ${type}.`);
    const { offset, length } = found;
    if (offset + length * ARRAYS[type].BYTES_PER_ELEMENT > bytes.byteLength) {
      throw new HeadAssetError(`Section "${name}" of the head asset reaches past its end.`);
    }
    return new ARRAYS[type](bytes, offset, length) as InstanceType<(typeof ARRAYS)[T]>;
  };
  const deltaIndex = section('deltaIndex', 'u16');
  const deltaValue = section('deltaValue', 'i16');
  const targets = header.targets.map(({ name, kind, lo, hi, start, count, scale }): Target => {
    const delta = Float32Array.from(deltaValue.subarray(3 * start, 3 * (start + count)), (v) => v * scale);
    return { name, kind, lo, hi, index: deltaIndex.subarray(start, start + count), delta };
  });
  const columns = (name: string, scale: number, count: number): Float64Array[] => {
    const values = section(name, 'i16');
    const row = 3 * POINTS;
    return Array.from({ length: count }, (_, k) => Float64Array.from(values.subarray(row * k, row * (k + 1)), (v) => v * scale));
  };
  const { observation, regressor } = header;
  const triangles = section('triangles', 'u16');
  const triangleRegion = section('triangleRegion', 'u8');
  const eyeball = (side: 'L' | 'R'): Eyeball => ({
    vertices: verticesOf(triangles, triangleRegion, header.regions.indexOf(`eye${side}`)),
    pivot: header.pivots[`eye${side}`]!,
  });
  return {
    sha256: header.binary.sha256,
    vertexCount: header.vertices,
    positions: section('positions', 'f32'),
    uvs: Float32Array.from(section('uvs', 'u16'), (v) => v / 65535),
    triangles,
    triangleUvs: section('triangleUvs', 'u16'),
    triangleRegion,
    regions: header.regions,
    skin: section('skin', 'u8'),
    mirror: section('mirror', 'u16'),
    pivots: header.pivots,
    units: targets.filter((target) => target.kind === 'unit'),
    identity: targets.filter((target) => target.kind !== 'unit'),
    landmarks: {
      triangle: section('landmarkTriangle', 'u16'),
      bary: section('landmarkBary', 'f32'),
      sigma: section('landmarkSigma', 'f32'),
    },
    observation: {
      units: columns('observedUnits', observation.unitScale, observation.units),
      modes: columns('observedModes', observation.modeScale, observation.modes),
    },
    regressor: {
      mean: Float32Array.from(regressor.mean),
      weights: Float32Array.from(section('regressor', 'i16'), (v, i) => v * regressor.scale[Math.floor(i / regressor.features)]!),
    },
    eyes: { left: eyeball('L'), right: eyeball('R') },
  };
}

function verticesOf(triangles: Uint16Array, triangleRegion: Uint8Array, region: number): number[] {
  const found = new Set<number>();
  triangleRegion.forEach((r, t) => {
    if (r === region) for (let c = 0; c < 3; c++) found.add(triangles[3 * t + c]!);
  });
  return [...found];
}

/** Vertices of a named region (`face`, `lips`, `teethUpper`, …); empty for a name that is none. */
export const regionVertices = (asset: HeadAsset, region: string): number[] =>
  verticesOf(asset.triangles, asset.triangleRegion, asset.regions.indexOf(region));
