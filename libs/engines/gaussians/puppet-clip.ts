import {
  COEFFICIENT_COUNT,
  coefficientIndex,
  deform,
  type HeadAsset,
  headPoseOf,
  landmarkPoints,
  loadHeadAsset,
  projectPoint,
  type RigidPose,
  rotationOf,
  type Subject,
  type TrackedFrame,
  vertexNormals,
} from '#face';
import type { FitInput } from './fit-input.ts';

const SIDE = 256;
/** Focal length in pixels and distance in metres: eye corners some 45 px apart. */
const FOCAL = 500;
const DISTANCE = 1;

/** Colour of a region of the head asset, 0..1. */
const PAINT: Readonly<Record<string, readonly [number, number, number]>> = {
  lips: [0.65, 0.3, 0.3],
  brows: [0.25, 0.16, 0.1],
  scalp: [0.22, 0.15, 0.1],
  eyeL: [0.92, 0.92, 0.94],
  eyeR: [0.92, 0.92, 0.94],
  eyeSocket: [0.5, 0.3, 0.26],
  mouthInterior: [0.2, 0.06, 0.06],
  tongue: [0.6, 0.25, 0.25],
  teethUpper: [0.9, 0.88, 0.82],
  teethLower: [0.85, 0.83, 0.78],
  torso: [0.2, 0.3, 0.5],
};
const SKIN = [0.78, 0.58, 0.48] as const;

/**
 * A clip of the bare head asset that talks, blinks, smiles and turns, flatly shaded, with exact truth as its track: footage of nobody, for
 * tests of the fit without any net. Coefficients change by sines, so every value is seen often.
 */
export function puppetClip(frames: number): FitInput {
  const asset = loadHeadAsset();
  const drawn = Array.from({ length: frames }, (_, f) => puppetFrame(asset, f));
  return {
    size: SIDE,
    frames: drawn.map(({ picture }) => picture),
    track: {
      size: SIDE,
      fps: 25,
      frames: drawn.map(({ tracked }) => tracked),
      mattes: drawn.map(({ matte }) => matte),
      matteSize: SIDE,
      models: {},
    },
  };
}

function puppetFrame(asset: HeadAsset, f: number): { picture: Uint8Array; matte: Uint8Array; tracked: TrackedFrame } {
  const wave = (period: number): number => Math.sin((2 * Math.PI * f) / period);
  const coefficients = new Float32Array(COEFFICIENT_COUNT);
  const set = (name: string, value: number): number => (coefficients[coefficientIndex(name)] = Math.max(0, value));
  set('jawOpen', 0.5 * wave(11));
  set('mouthSmileLeft', 0.8 * wave(37));
  set('mouthSmileRight', 0.8 * wave(37));
  set('eyeBlinkLeft', 2 * wave(17) - 1);
  set('eyeBlinkRight', 2 * wave(17) - 1);
  set('browInnerUp', 0.8 * wave(29));
  const R = rotationOf({ pitch: 0.05 * wave(23), yaw: 0.2 * wave(41), roll: 0.03 * wave(31) });
  const pose: RigidPose = { R, t: Float64Array.of(0.004 * wave(19), -0.02, -DISTANCE) };
  const vertices = deform(asset, { coefficients });
  const camera = { focal: FOCAL, cx: SIDE / 2, cy: SIDE / 2 };
  const { picture, matte } = paint(asset, vertices, camera, pose);
  const points = landmarkPoints(asset, vertices);
  const landmarks = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    const [x, y] = projectPoint(camera, pose, points[i]!, points[i + 1]!, points[i + 2]!);
    const depth = R[6]! * points[i]! + R[7]! * points[i + 1]! + R[8]! * points[i + 2]!;
    landmarks.set([x, y, (-depth * FOCAL) / DISTANCE], i);
  }
  // Of a subject only the camera and the rest points are needed for a pose.
  const subject = { ...camera, rest: Float64Array.from(landmarkPoints(asset, asset.positions)) } as unknown as Subject;
  const tracked = {
    time: f / 25,
    present: true,
    score: 1,
    landmarks,
    pose: headPoseOf(subject, pose, SIDE),
    coefficients,
    sharpness: 1,
  };
  return { picture, matte, tracked };
}

/** Depth-buffered triangles, one colour each, over a backdrop with a slope. */
function paint(asset: HeadAsset, vertices: Float32Array, camera: { focal: number; cx: number; cy: number }, pose: RigidPose) {
  const picture = new Uint8Array(3 * SIDE * SIDE);
  const matte = new Uint8Array(SIDE * SIDE);
  const depth = new Float32Array(SIDE * SIDE).fill(-Infinity);
  for (let i = 0; i < SIDE * SIDE; i++) picture.set([70 + (i % SIDE) / 6, 100, 140 - Math.floor(i / SIDE) / 5], 3 * i);
  const normals = vertexNormals(asset, vertices);
  const { R } = pose;
  // Picture place and height towards the viewer, 3 per vertex.
  const placed = new Float32Array(vertices.length);
  for (let v = 0; v < vertices.length; v += 3) {
    const [x, y, z] = [vertices[v]!, vertices[v + 1]!, vertices[v + 2]!];
    placed.set(projectPoint(camera, pose, x, y, z), v);
    placed[v + 2] = R[6]! * x + R[7]! * y + R[8]! * z;
  }
  const at = (v: number): [number, number, number] => [placed[3 * v]!, placed[3 * v + 1]!, placed[3 * v + 2]!];
  for (let t = 0; t < asset.triangleRegion.length; t++) {
    const region = asset.regions[asset.triangleRegion[t]!]!;
    if (region === 'lashes') continue;
    const ids = [0, 1, 2].map((k) => asset.triangles[3 * t + k]!);
    const [a, b, c] = ids.map(at) as [[number, number, number], [number, number, number], [number, number, number]];
    const det = (b[1] - c[1]) * (a[0] - c[0]) + (c[0] - b[0]) * (a[1] - c[1]);
    if (Math.abs(det) < 1e-9) continue;
    const facing =
      ids.reduce((sum, v) => sum + R[6]! * normals[3 * v]! + R[7]! * normals[3 * v + 1]! + R[8]! * normals[3 * v + 2]!, 0) / 3;
    const light = 0.45 + 0.55 * Math.max(0, facing);
    const colour = (PAINT[region] ?? SKIN).map((v) => Math.round(255 * v * light));
    const [x0, x1] = [
      Math.max(0, Math.ceil(Math.min(a[0], b[0], c[0]) - 0.5)),
      Math.min(SIDE - 1, Math.floor(Math.max(a[0], b[0], c[0]) - 0.5)),
    ];
    const [y0, y1] = [
      Math.max(0, Math.ceil(Math.min(a[1], b[1], c[1]) - 0.5)),
      Math.min(SIDE - 1, Math.floor(Math.max(a[1], b[1], c[1]) - 0.5)),
    ];
    for (let y = y0; y <= y1; y++) {
      for (let x = x0; x <= x1; x++) {
        const u = ((b[1] - c[1]) * (x + 0.5 - c[0]) + (c[0] - b[0]) * (y + 0.5 - c[1])) / det;
        const v = ((c[1] - a[1]) * (x + 0.5 - c[0]) + (a[0] - c[0]) * (y + 0.5 - c[1])) / det;
        if (u < 0 || v < 0 || u + v > 1) continue;
        const z = u * a[2] + v * b[2] + (1 - u - v) * c[2];
        const i = y * SIDE + x;
        if (z <= depth[i]!) continue;
        depth[i] = z;
        matte[i] = 255;
        picture.set(colour, 3 * i);
      }
    }
  }
  return { picture, matte };
}
