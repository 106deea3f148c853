import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { COEFFICIENTS, coefficientIndex, coefficientsOf } from './coefficients.ts';
import { deform, gazeOf, identityWeights, landmarkPoints, setGaze } from './deform.ts';
import { HeadAssetError } from './face.errors.ts';
import { loadHeadAsset, regionVertices } from './head-asset.ts';

const asset = loadHeadAsset();
const scratch = mkdtempSync(join(tmpdir(), 'assent-head-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const damaged = (name: string, damage: (folder: string) => void): string => {
  const folder = join(scratch, name);
  cpSync(shipped('assets', 'head'), folder, { recursive: true });
  damage(folder);
  return folder;
};

describe('the head asset', () => {
  it('has the 52 named units in the order of COEFFICIENTS', () => {
    expect(asset.units.map((unit) => unit.name)).toEqual([...COEFFICIENTS]);
    expect(new Set(COEFFICIENTS).size).toBe(52);
    expect(coefficientIndex('jawOpen')).toBe(COEFFICIENTS.indexOf('jawOpen'));
    expect(coefficientIndex('jawOpened')).toBe(-1);
  });

  it('has a closed mirror map and every index in bounds', () => {
    for (let v = 0; v < asset.vertexCount; v++) expect(asset.mirror[asset.mirror[v]!]).toBe(v);
    expect(Math.max(...asset.triangles)).toBeLessThan(asset.vertexCount);
    expect(Math.max(...asset.landmarks.triangle)).toBeLessThan(asset.triangles.length / 3);
    for (const target of [...asset.units, ...asset.identity]) expect(Math.max(...target.index)).toBeLessThan(asset.vertexCount);
    expect(asset.positions).toHaveLength(3 * asset.vertexCount);
  });

  it('refuses a binary with one changed byte', () => {
    const folder = damaged('flipped', (dir) => {
      const bytes = readFileSync(join(dir, 'head.bin'));
      bytes[1000]! ^= 1;
      writeFileSync(join(dir, 'head.bin'), bytes);
    });
    expect(() => loadHeadAsset(folder)).toThrow(HeadAssetError);
  });

  it('refuses a binary that was cut short, another format, and a missing file', () => {
    const short = damaged('short', (dir) =>
      writeFileSync(join(dir, 'head.bin'), readFileSync(join(dir, 'head.bin')).subarray(0, 5000)),
    );
    const foreign = damaged('foreign', (dir) => writeFileSync(join(dir, 'head.json'), '{"binary":{"file":"head.bin"}}'));
    for (const folder of [short, foreign, join(scratch, 'nowhere')]) expect(() => loadHeadAsset(folder)).toThrow(HeadAssetError);
  });
});

describe('deform', () => {
  it('is the mean head without weights, and linear in identity', () => {
    expect(deform(asset)).toEqual(asset.positions);
    const gender = asset.identity.findIndex((t) => t.name === 'gender');
    const half = new Float32Array(asset.identity.length);
    const full = half.slice();
    half[gender] = 0.5;
    full[gender] = 1;
    const [a, b] = [deform(asset, { identity: half }), deform(asset, { identity: full })];
    for (let i = 0; i < a.length; i += 97) expect(2 * (a[i]! - asset.positions[i]!)).toBeCloseTo(b[i]! - asset.positions[i]!, 6);
  });

  it('opens the jaw downwards and closes the lids', () => {
    const at = (coefficients: Float32Array) => landmarkPoints(asset, deform(asset, { coefficients }));
    const gap = (p: Float32Array, upper: number, lower: number) => p[3 * upper + 1]! - p[3 * lower + 1]!;
    const rest = at(coefficientsOf({}));
    const open = at(coefficientsOf({ jawOpen: 1 }));
    expect(open[3 * 152 + 1]).toBeLessThan(rest[3 * 152 + 1]! - 0.01);
    expect(gap(open, 13, 14)).toBeGreaterThan(gap(rest, 13, 14) + 0.01);
    const shut = at(coefficientsOf({ eyeBlinkLeft: 1 }));
    // 386/374 are the left eye, 159/145 the right one: names are the subject's
    expect(gap(shut, 386, 374)).toBeLessThan(0.35 * gap(rest, 386, 374));
    expect(gap(shut, 159, 145)).toBeCloseTo(gap(rest, 159, 145), 4);
  });

  it('turns the eyeballs rigidly, to the side that the names say', () => {
    const { pivot, vertices } = asset.eyes.left;
    const p = deform(asset, { coefficients: coefficientsOf({ eyeLookOutLeft: 1 }) });
    const front = vertices.reduce((best, v) => (asset.positions[3 * v + 2]! > asset.positions[3 * best + 2]! ? v : best));
    expect(p[3 * front]).toBeGreaterThan(asset.positions[3 * front]! + 0.003);
    const radius = (q: Float32Array, v: number) => Math.hypot(...[0, 1, 2].map((k) => q[3 * v + k]! - q[3 * pivot + k]!));
    for (const v of vertices) expect(radius(p, v)).toBeCloseTo(radius(asset.positions, v), 6);
  });

  it('reads the gaze it wrote', () => {
    const gaze = { left: { yaw: 0.2, pitch: -0.1 }, right: { yaw: -0.15, pitch: 0.12 } };
    const coefficients = new Float32Array(52);
    setGaze(coefficients, gaze);
    const back = gazeOf(coefficients);
    expect(back.left.yaw).toBeCloseTo(0.2, 6);
    expect(back.left.pitch).toBeCloseTo(-0.1, 6);
    expect(back.right.yaw).toBeCloseTo(-0.15, 6);
    expect(back.right.pitch).toBeCloseTo(0.12, 6);
  });

  it('holds identity weights inside their ranges', () => {
    const weights = identityWeights(asset, { gender: 99 });
    expect(weights[asset.identity.findIndex((t) => t.name === 'gender')]).toBeCloseTo(
      asset.identity.find((t) => t.name === 'gender')!.hi,
    );
  });

  it('knows the regions of the mesh', () => {
    expect(regionVertices(asset, 'teethUpper').length).toBeGreaterThan(50);
    expect(regionVertices(asset, 'no such region')).toEqual([]);
  });
});
