import { describe, expect, it } from 'vitest';
import { writeGlb } from './export-glb.ts';
import { exportPly, writePly } from './export-ply.ts';
import { type NeutralSplat, neutralSplats } from './neutral-splats.ts';
import { exportGlb } from './export-glb.ts';
import { smallReplica } from './small-replica.ts';

/** GS-01: 90° about x, opacity 0.8, orange. */
const SPLAT: NeutralSplat = {
  position: [0.1, 0.2, 0.3],
  scale: [0.01, 0.02, 0.03],
  rotation: [Math.SQRT1_2, Math.SQRT1_2, 0, 0],
  opacity: 0.8,
  colour: [1, 0.5, 0],
};

function readPly(bytes: Uint8Array): { names: string[]; rows: number[][] } {
  const text = new TextDecoder('latin1').decode(bytes);
  const end = text.indexOf('end_header\n') + 'end_header\n'.length;
  const lines = text.slice(0, end).split('\n');
  expect(lines.slice(0, 2)).toEqual(['ply', 'format binary_little_endian 1.0']);
  const count = Number(lines[2]!.split(' ')[2]);
  const names = lines.filter((line) => line.startsWith('property float ')).map((line) => line.slice('property float '.length));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  expect(bytes.length).toBe(end + 4 * count * names.length);
  return { names, rows: Array.from({ length: count }, (_, i) => names.map((__, k) => view.getFloat32(end + 4 * (i * names.length + k), true))) }; // prettier-ignore
}

interface Glb {
  json: {
    extensionsUsed: string[];
    meshes: { primitives: { mode: number; attributes: Record<string, number>; extensions: Record<string, unknown> }[] }[];
    accessors: { bufferView: number; count: number; type: string; componentType: number; min?: number[]; max?: number[] }[];
    bufferViews: { byteOffset: number; byteLength: number }[];
  };
  read: (attribute: string) => number[];
}
function readGlb(bytes: Uint8Array): Glb {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const word = (at: number): number => view.getUint32(at, true);
  expect([word(0), word(4), word(8)]).toEqual([0x46546c67, 2, bytes.length]);
  expect(word(16)).toBe(0x4e4f534a);
  const json = JSON.parse(new TextDecoder().decode(bytes.subarray(20, 20 + word(12)))) as Glb['json'];
  const binary = 20 + word(12) + 8;
  expect(word(binary - 4)).toBe(0x004e4942);
  return {
    json,
    read: (attribute) => {
      const { bufferView } = json.accessors[json.meshes[0]!.primitives[0]!.attributes[attribute]!]!;
      const { byteOffset, byteLength } = json.bufferViews[bufferView]!;
      return Array.from({ length: byteLength / 4 }, (_, k) => view.getFloat32(binary + byteOffset + 4 * k, true));
    },
  };
}

const close = (actual: number[], wanted: number[]): void => {
  expect(actual.length).toBe(wanted.length);
  actual.forEach((v, i) => expect(v).toBeCloseTo(wanted[i]!, 5));
};

describe('exported splats', () => {
  it('GS-01: .ply holds ln scale, logit opacity, w x y z and f_dc', () => {
    const { names, rows } = readPly(writePly([SPLAT]));
    expect(names.filter((name) => name.startsWith('f_rest'))).toEqual([]);
    const at = (...wanted: string[]): number[] => wanted.map((name) => rows[0]![names.indexOf(name)]!);
    close(at('x', 'y', 'z'), [0.1, 0.2, 0.3]);
    close(at('scale_0', 'scale_1', 'scale_2'), [Math.log(0.01), Math.log(0.02), Math.log(0.03)]);
    close(at('opacity'), [1.3862943611]);
    close(at('rot_0', 'rot_1', 'rot_2', 'rot_3'), [Math.SQRT1_2, Math.SQRT1_2, 0, 0]);
    close(at('f_dc_0', 'f_dc_1', 'f_dc_2'), [0.5 / 0.28209479, 0, -0.5 / 0.28209479]);
  });

  it('GS-01: .glb holds linear scale and opacity and x y z w', () => {
    const { json, read } = readGlb(writeGlb([SPLAT]));
    expect(json.extensionsUsed).toEqual(['KHR_gaussian_splatting']);
    const [primitive] = json.meshes[0]!.primitives;
    expect(primitive!.mode).toBe(0);
    expect(primitive!.extensions['KHR_gaussian_splatting']).toEqual({ kernel: 'ellipse', colorSpace: 'srgb_rec709_display' });
    close(read('POSITION'), [0.1, 0.2, 0.3]);
    close(read('KHR_gaussian_splatting:SCALE'), [0.01, 0.02, 0.03]);
    close(read('KHR_gaussian_splatting:ROTATION'), [Math.SQRT1_2, 0, 0, Math.SQRT1_2]);
    close(read('KHR_gaussian_splatting:OPACITY'), [0.8]);
    close(read('KHR_gaussian_splatting:SH_DEGREE_0_COEF_0'), [0.5 / 0.28209479, 0, -0.5 / 0.28209479]);
    const bounds = json.accessors[primitive!.attributes['POSITION']!]!;
    expect(bounds.min).toEqual(bounds.max);
    expect(bounds.min).toEqual([0.1, 0.2, 0.3].map(Math.fround));
  });

  it('an opaque and an invisible splat stay finite', () => {
    const { rows } = readPly(writePly([{ ...SPLAT, opacity: 1 }, { ...SPLAT, opacity: 0 }])); // prettier-ignore
    expect(rows.flat().every(Number.isFinite)).toBe(true);
  });

  it('a replica comes out upright, in metres and without expression', () => {
    const replica = smallReplica();
    const splats = neutralSplats(replica);
    expect(splats.length).toBeGreaterThan(0);
    expect(splats.every(({ rotation }) => Math.abs(Math.hypot(...rotation) - 1) < 1e-6)).toBe(true);
    // The small replica's first splat lies 9 px below and 18 px before the origin, eyes 45 px apart: half a turn about x and 2 mm per px.
    close([...splats[0]!.position], [0, -0.018, 0.036]);
    // A turn about y that the picture sees as w x y z = (c, 0, s, 0) stays one about −y after the half turn about x, times the half turn.
    const [w, x, y, z] = splats[0]!.rotation;
    close([w, x, y, z].map(Math.abs), [0, Math.cos(0.3), 0, Math.sin(0.3)]);
    expect(readPly(exportPly(replica)).rows.length).toBe(splats.length);
    expect(readGlb(exportGlb(replica)).read('KHR_gaussian_splatting:OPACITY').length).toBe(splats.length);
  });
});
