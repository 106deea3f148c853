import { COEFFICIENT_COUNT, coefficientsOf, type HeadAsset, loadHeadAsset } from '#face';
import { type Atlas, buildAtlas } from './atlas.ts';
import { getCastMember } from './cast.ts';
import type { CastMember } from './cast-member.ts';
import { paintEye } from './eye-paint.ts';
import { express, eyeballOf, lidGain, type Shape, shapeHead } from './expression.ts';
import { type Eye, makeEye } from './eyeball.ts';
import { type Clothes, dress } from './garment.ts';
import { growHair, type HairMesh } from './hair.ts';
import { STYLES } from './hair-styles.ts';
import { dropHiddenHair } from './hidden-hair.ts';
import { findLipLine, type LipLine } from './lip-line.ts';
import { completeLook, type Look, type LookDesign } from './look.ts';
import { computeNormals, makeMesh, type Mesh } from './mesh.ts';
import { lashLine, makeLashes, makeMouth, makeMouthBacking, type Mouth, type Part } from './mouth-parts.ts';
import { bakeOcclusion } from './occlusion.ts';
import { paintSkin } from './skin-paint.ts';
import { buildSurface, type Surface } from './surface.ts';
import { bump, clamp, mix, ramp, type Vec3 } from './vector.ts';

const ATLAS_SIDE = 1024;

/** A built person: geometry, paint and hair, ready to be posed. Its meshes hold the scratch of the frame being drawn. */
export interface SyntheticPerson {
  readonly member: CastMember;
  readonly asset: HeadAsset;
  readonly surface: Surface;
  readonly look: Look;
  /** Control points at rest, and of the frame being drawn. */
  readonly neutral: Float32Array;
  readonly control: Float32Array;
  readonly lipLine: LipLine;
  readonly lidGain: readonly [left: number, right: number];
  readonly face: Mesh;
  readonly glossMap: Float32Array;
  readonly eyes: readonly [left: Eye, right: Eye];
  readonly mouth: Mouth;
  readonly mouthBacking: Mesh;
  readonly lashes: Part;
  readonly hair: HairMesh;
  readonly clothes: Clothes;
}

interface Ground {
  readonly asset: HeadAsset;
  readonly surface: Surface;
  readonly atlas: Atlas;
}
let ground: Ground | undefined;
const built = new Map<string, SyntheticPerson>();

/** What all people share: the subdivided head and the atlas of its skin. .6 s, once per process. */
function sharedGround(): Ground {
  if (ground) return ground;
  const asset = loadHeadAsset();
  const surface = buildSurface(asset);
  return (ground = { asset, surface, atlas: buildAtlas(surface, ATLAS_SIDE) });
}

/**
 * A person of the cast, built once per process (2 to 3 s).
 * @throws UnknownCastMemberError
 */
export function createPerson(castId: string): SyntheticPerson {
  const known = built.get(castId);
  if (known) return known;
  const member = getCastMember(castId);
  const person = buildPerson(member, member.design.shape, member.design.look);
  built.set(castId, person);
  return person;
}

export function buildPerson(member: CastMember, shape: Shape, design: LookDesign): SyntheticPerson {
  const { asset, surface, atlas } = sharedGround();
  const look = completeLook(design);
  const neutral = shapeHead(asset, shape);
  const control = Float32Array.from(neutral);
  const follow = surface.spread((v) => (asset.skin[2 * v] + 0.5 * asset.skin[2 * v + 1]) / 255);
  const points = surface.apply(
    express(asset, neutral, new Float32Array(COEFFICIENT_COUNT), control),
    new Float32Array(3 * surface.count),
  );
  const whole = makeMesh({ points, triangles: surface.triangles });
  computeNormals(whole, points);
  const hair = growHair({ surface, points, normals: whole.normals, raise: (crownOf(points) - 0.145) / 2 }, look);
  const clothes = dress(surface, points, whole.normals, follow, look);
  const kept = uncovered(surface, points, clothes.neckline);
  const face = makeMesh({
    points,
    triangles: kept.triangles,
    uvTriangles: kept.uvTriangles,
    u: surface.u,
    v: surface.v,
    texture: paintSkin(atlas, look),
    follow,
    tint: new Float32Array(3 * surface.count).fill(1),
    normals: whole.normals,
  });
  const lashes = makeLashes(asset, look.lashes);
  const eye = paintEye(look);
  const person: SyntheticPerson = {
    member,
    asset,
    surface,
    look,
    neutral,
    control,
    lipLine: findLipLine(surface, jawDrop(asset, surface)),
    lidGain: [lidGain(asset, neutral, 'Left'), lidGain(asset, neutral, 'Right')],
    face,
    glossMap: glossOf(surface),
    eyes: [makeEye(eyeballOf(asset, neutral, 'left'), eye), makeEye(eyeballOf(asset, neutral, 'right'), eye)],
    mouth: makeMouth(asset),
    mouthBacking: makeMouthBacking(surface, face),
    lashes,
    hair,
    clothes,
  };
  bakeOcclusion(person);
  dropHiddenHair(hair, face, STYLES[look.style].segments);
  tintInside(person, lashLine(asset, surface, lashes));
  return person;
}

/** How far each surface vertex goes down with an open jaw. */
function jawDrop(asset: HeadAsset, surface: Surface): Float32Array {
  const open = express(asset, asset.positions, coefficientsOf({ jawOpen: 1 }), new Float32Array(asset.positions.length));
  return surface.spread((v) => asset.positions[3 * v + 1] - open[3 * v + 1]);
}

function crownOf(points: Float32Array): number {
  let top = -1;
  for (let i = 1; i < points.length; i += 3) if (points[i] > top) top = points[i];
  return top;
}

/** Skin under the clothes would pierce them: 1.5 cm are kept. */
function uncovered(surface: Surface, points: Float32Array, neckline: number): { triangles: Int32Array; uvTriangles: Int32Array } {
  const triangles: number[] = [];
  const uvTriangles: number[] = [];
  for (let t = 0; t < surface.triangles.length; t += 3) {
    const corners = surface.triangles.subarray(t, t + 3);
    const y = Math.max(points[3 * corners[0] + 1], points[3 * corners[1] + 1], points[3 * corners[2] + 1]);
    if (y < neckline - (surface.regionOf(t / 3) === 'torso' ? 0.075 : 0.1)) continue;
    triangles.push(...corners);
    uvTriangles.push(...surface.uvTriangles.subarray(t, t + 3));
  }
  return { triangles: Int32Array.from(triangles), uvTriangles: Int32Array.from(uvTriangles) };
}

/** Lips, nose and forehead shine more than the sides of the face. */
function glossOf({ count, rest, share }: Surface): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const [x, y, z] = [Math.abs(rest[3 * i]), rest[3 * i + 1], rest[3 * i + 2]];
    return (
      0.75 +
      1.5 * share.lips[i] +
      0.5 * bump(x, 0.012) * ramp(0.085, 0.1, z) +
      0.25 * ramp(0.06, 0.09, y) -
      0.5 * ramp(0.06, 0.07, x)
    );
  });
}

/** Colours of what no texel paints: mouth bag, sockets, the line of the lashes. */
function tintInside({ surface, face, look }: SyntheticPerson, lash: Float32Array): void {
  const { share, rest } = surface;
  const flesh = ([0.26, 0.075, 0.065] as const).map((v, k) => Math.min(v / look.skin[k], 1.6));
  const occlusion = face.occlusion!;
  for (let v = 0; v < surface.count; v++) {
    const bag = share.mouthInterior[v];
    const socket = share.eyeSocket[v];
    const [y, z] = [rest[3 * v + 1], rest[3 * v + 2]];
    let c: Vec3 = [1, 1, 1];
    if (bag > 0) {
      const deep = 0.06 + 0.34 * ramp(0.05, 0.095, z);
      c = mix(c, [flesh[0] * deep, flesh[1] * deep, flesh[2] * deep], ramp(0.05, 0.6, bag));
    }
    if (socket > 0) c = mix(c, [0.5, 0.3, 0.28], socket * 0.8);
    const rim = 4 * socket * (1 - socket);
    if (rim > 0.05) c = mix(c, [0.09, 0.07, 0.06], clamp(rim * (y > 0.0375 ? 1 : 0.35) * (0.55 + 0.45 * look.lashes)));
    if (lash[v] > 0) c = mix(c, [0.1, 0.075, 0.065], lash[v] * (0.6 + 0.35 * look.lashes));
    occlusion[v] += (0.5 - occlusion[v]) * bag * 0.7;
    if (socket > 0) occlusion[v] = Math.max(occlusion[v], 0.35);
    face.tint!.set(c, 3 * v);
  }
}
