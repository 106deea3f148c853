import { coefficientIndex, COEFFICIENT_COUNT, GAZE, POINT_COUNT } from '#face';
import { place, project, turn, type View } from './camera.ts';
import { express, landmarkAt, landmarkGap, type Units } from './expression.ts';
import { aimEye, type Eye, lightEye } from './eyeball.ts';
import type { HairMesh } from './hair.ts';
import { expose, type ExposedLight, type Lamp, lightHair, lightMesh, type LightSetup } from './light.ts';
import { computeNormals, type Mesh, turnAll } from './mesh.ts';
import { lipOpening } from './lip-line.ts';
import { lightMouth, movePart } from './mouth-parts.ts';
import type { SyntheticPerson } from './person.ts';
import type { Raster } from './raster.ts';
import { drawRibbons } from './ribbon-raster.ts';
import { castShadows, lightReaching, makeShadowMap, type ShadowMap } from './shadow-map.ts';
import { clamp, type Vec3 } from './vector.ts';

/** What a person does at one moment. Angles in degrees. */
export interface Moment {
  /** + turns to the subject's left. */
  readonly yaw: number;
  /** + looks up. */
  readonly pitch: number;
  /** + tilts to the subject's right shoulder. */
  readonly roll: number;
  /** Metres. */
  readonly shift: readonly [number, number];
  readonly units: Units;
  /** Closure of each lid, 0..1. */
  readonly blink: readonly [left: number, right: number];
  /** Direction of the eyes in the head: + yaw to the subject's left, + pitch up. */
  readonly gaze: readonly [yaw: number, pitch: number];
}

/** The asset's neutral mouth looks stern and its lids tired: this much is always added. */
const AT_REST: Units = {
  mouthSmileLeft: 0.3,
  mouthSmileRight: 0.26,
  cheekSquintLeft: 0.12,
  cheekSquintRight: 0.12,
  eyeWideLeft: 0.2,
  eyeWideRight: 0.18,
};
const BLINK = [coefficientIndex('eyeBlinkLeft'), coefficientIndex('eyeBlinkRight')] as const;

/**
 * The 52 coefficients of a moment: units, resting face, lids and gaze in one vector, 0..1. `eyeBlink` 1 is closed for every person.
 */
export function coefficientsOfMoment({ units, blink, gaze }: Moment): Float32Array {
  const out = new Float32Array(COEFFICIENT_COUNT);
  const put = (name: Parameters<typeof coefficientIndex>[0], value: number): void => {
    out[coefficientIndex(name)] += value;
  };
  for (const [name, value] of Object.entries(units)) put(name, value);
  const pucker = 1 - 0.5 * (units.mouthPucker ?? 0);
  for (const [name, value] of Object.entries(AT_REST)) put(name, value * pucker);
  const [yaw, pitch] = [(gaze[0] * Math.PI) / 180, (gaze[1] * Math.PI) / 180];
  put(yaw > 0 ? 'eyeLookOutLeft' : 'eyeLookInLeft', Math.abs(yaw) / GAZE.out);
  put(yaw > 0 ? 'eyeLookInRight' : 'eyeLookOutRight', Math.abs(yaw) / GAZE.in);
  for (const [i, side] of (['Left', 'Right'] as const).entries()) {
    put(pitch > 0 ? `eyeLookUp${side}` : `eyeLookDown${side}`, Math.abs(pitch) / (pitch > 0 ? GAZE.up : GAZE.down));
    put(`eyeBlink${side}`, blink[i]);
  }
  for (let k = 0; k < COEFFICIENT_COUNT; k++) out[k] = clamp(out[k]);
  return out;
}

/** Coefficients as the mesh needs them: lids by this person's gain, and a shut lid forgets where the eye looks. */
function meshUnits(person: SyntheticPerson, coefficients: Float32Array): Float32Array {
  const out = Float32Array.from(coefficients);
  for (const [i, side] of (['Left', 'Right'] as const).entries()) {
    const shut = coefficients[BLINK[i]];
    const squint = coefficients[coefficientIndex(`eyeSquint${side}`)];
    out[BLINK[i]] = shut * person.lidGain[i] * (1 - 0.45 * squint);
    for (const way of ['Up', 'Down', 'In', 'Out']) out[coefficientIndex(`eyeLook${way}${side}`)] *= 1 - shut;
    out[coefficientIndex(`eyeWide${side}`)] *= 1 - shut;
  }
  return out;
}

const shadowMap = makeShadowMap(208);

/** Poses a person and draws it into a raster over what is there: two people share one depth buffer. */
export function drawPerson(
  raster: Raster,
  person: SyntheticPerson,
  moment: Moment,
  setup: LightSetup,
  extra: readonly Lamp[] = [],
  zoom = 1,
): void {
  const { surface, face, eyes, mouth, lashes, clothes, hair, control, asset, look } = person;
  const coefficients = coefficientsOfMoment(moment);
  const view = viewOf(moment, raster.width, zoom);
  const light = expose(setup, extra);
  surface.apply(express(asset, person.neutral, meshUnits(person, coefficients), control), face.points);
  for (const part of [...mouth.map((m) => m.part), lashes]) movePart(part, control);
  for (const eye of eyes) aimEye(eye, moment.gaze[0], moment.gaze[1]);
  for (const mesh of [face, ...mouth.map((m) => m.part), lashes, clothes.body, clothes.collar]) {
    place(mesh, view);
    computeNormals(mesh, mesh.placed);
  }
  for (const eye of eyes) place(eye, view);
  place(hair, view);
  turnAll(view.rotation, hair.along, hair.alongTurned);
  turnAll(view.rotation, hair.away, hair.awayTurned);
  shadow(person, light);
  lightMesh(face, light, { wrap: [0.4, 0.24, 0.17], gloss: 0.055 * look.shine, rim: 0.06, glossMap: person.glossMap });
  raster.draw(face, look.skin[1] * 0.75);
  raster.draw(person.mouthBacking);
  for (const eye of eyes) {
    lightEye(eye, light);
    raster.draw(eye);
  }
  const open = mouthOpening(coefficients);
  for (const part of mouth) {
    lightMouth(part, light, open);
    raster.draw(part.part);
  }
  lightMesh(clothes.body, light, { wrap: [0.3, 0.25, 0.22], gloss: 0.004, rim: 0.05 });
  raster.draw(clothes.body);
  lightMesh(clothes.collar, light, { wrap: [0.3, 0.25, 0.22], gloss: 0.004 });
  raster.draw(clothes.collar);
  raster.draw(lashes);
  for (const eye of eyes) glint(raster, eye, moment, view, light, extra);
  lightHair(hair, light, look.style);
  drawRibbons(raster, hair);
}

const unitOf = (c: Float32Array, name: Parameters<typeof coefficientIndex>[0]): number => c[coefficientIndex(name)];
const mouthOpening = (c: Float32Array): number =>
  clamp(unitOf(c, 'jawOpen') * 1.8 + 0.5 * unitOf(c, 'mouthSmileLeft') + 0.5 * unitOf(c, 'mouthUpperUpLeft'));

/** The key light's shadow on skin, clothes and hair. */
function shadow({ face, clothes, hair }: SyntheticPerson, light: ExposedLight): void {
  const meshes: Mesh[] = [face, clothes.body, clothes.collar, hair];
  const map = castShadows(meshes, light.lamps[0].from, shadowMap, (mesh) => (mesh === hair ? 2 : 1));
  for (const mesh of meshes) if (mesh !== hair) shadowMesh(map, mesh);
  shadowHair(map, hair);
}

function shadowMesh(map: ShadowMap, mesh: Mesh): void {
  const { normals, lit, count } = mesh;
  for (let v = 0; v < count; v++) if (normals[3 * v + 2] > -0.6) lit[v] = 0.15 + 0.85 * lightReaching(map, mesh, v, 0.005, 2);
}

/** Once for the two vertices of a ribbon's knot. */
function shadowHair(map: ShadowMap, hair: HairMesh): void {
  for (let v = 0; v < hair.count; v += 2) hair.lit[v] = hair.lit[v + 1] = 0.15 + 0.85 * lightReaching(map, hair, v, 0.009, 1);
}

const RADIANS = Math.PI / 180;

/** The lamps mirrored in the cornea: key light, room, and a screen's light where there is one. */
function glint(raster: Raster, eye: Eye, { gaze }: Moment, view: View, light: ExposedLight, extra: readonly Lamp[]): void {
  const k = (view.width / 512) * view.zoom;
  const key = light.lamps[0];
  const dot = (x: number, y: number, radius: number, strength: number, colour: Vec3): void => {
    const length = Math.hypot(x, y, 1);
    const p = [x, y, 1].map((v, i) => eye.centre[i] + (v / length) * eye.radius * 1.035) as unknown as Vec3;
    const [px, py, near] = project(p, view);
    raster.drawGlint(px, py, near, k * radius, strength, colour);
  };
  const [sx, sy] = [0.3 * Math.sin(gaze[0] * RADIANS), 0.3 * Math.sin(gaze[1] * RADIANS)];
  dot(key.from[0] * 0.26 + sx, key.from[1] * 0.1 + sy + 0.02, 2.1, 1.5 * Math.min(1.5, key.colour[1]), [1, 1, 1]);
  dot(-key.from[0] * 0.3, -0.22, 2.4, 0.16, [1, 0.95, 0.9]);
  for (const { colour } of extra) dot(sx, sy - 0.05, 2.6, 0.6, colour);
}

/** Exact ground truth of a frame. */
export interface FrameTruth {
  /** Radians, with the signs of `HeadPose` of the face engine: + yaw to the subject's left, + pitch looks down, + roll to the picture's right. */
  readonly pose: { readonly yaw: number; readonly pitch: number; readonly roll: number };
  /** Values of `COEFFICIENTS`. `eyeBlink` is the lid's closure, 1 = shut, whatever this person's lids need for it. */
  readonly coefficients: Float32Array;
  /** Radians in head axes, + yaw to the subject's left, + pitch up; both eyes alike. */
  readonly gaze: { readonly yaw: number; readonly pitch: number };
  /** Free height between the lips at the middle of the mouth, millimetres of the head. */
  readonly lipGap: number;
  /** Between the lids at their middle, mean of two places in each eye, millimetres. */
  readonly lidGap: number;
  /** 478 × x, y in pixels of the picture. */
  readonly landmarks: Float32Array;
}

const LID_PAIRS = [[159, 145], [158, 153], [386, 374], [385, 380]] as const; // prettier-ignore

/** Ground truth of a moment, without drawing it. `side`: of the picture in pixels. */
export function readTruth(person: SyntheticPerson, moment: Moment, side: number, zoom = 1): FrameTruth {
  const { asset, control } = person;
  const coefficients = coefficientsOfMoment(moment);
  express(asset, person.neutral, meshUnits(person, coefficients), control);
  const view = viewOf(moment, side, zoom);
  const landmarks = new Float32Array(2 * POINT_COUNT);
  for (let i = 0; i < POINT_COUNT; i++) {
    const [x, y] = project(landmarkAt(asset, control, i), view);
    landmarks.set([x, y], 2 * i);
  }
  return {
    pose: { yaw: moment.yaw * RADIANS, pitch: -moment.pitch * RADIANS, roll: -moment.roll * RADIANS },
    coefficients,
    gaze: { yaw: moment.gaze[0] * RADIANS, pitch: moment.gaze[1] * RADIANS },
    lipGap: lipOpening(person.lipLine, person.surface.apply(control, person.face.points)) * 1000,
    lidGap: LID_PAIRS.reduce((sum, [i, j]) => sum + landmarkGap(asset, control, i, j), 0) / LID_PAIRS.length,
    landmarks,
  };
}

const viewOf = ({ yaw, pitch, roll, shift }: Moment, width: number, zoom: number): View => ({
  width,
  zoom,
  rotation: turn(yaw, pitch, roll),
  shift,
});
