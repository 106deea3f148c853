import { place, turn, type View } from './camera.ts';
import type { HairMesh } from './hair.ts';
import type { Mesh } from './mesh.ts';
import { Raster } from './raster.ts';
import { drawRibbons } from './ribbon-raster.ts';

const SIDE = 448;
const YAWS = [-26, -13, 0, 13, 26];
const PITCHES = [-9, 9];
/** Pixels, over all these views, from which a piece counts as seen, and from which its neighbours are kept for the poses in between. */
const SEEN = 4;
const PROMINENT = 40;

/**
 * Drops the pieces of ribbons that nobody sees from any pose a clip takes: under other hair, or behind the head. Each ribbon is drawn
 * with its own number as its colour, and what shows up somewhere stays. Run after the occlusion was baked: hidden hair still darkens.
 */
export function dropHiddenHair(hair: HairMesh, face: Mesh, segments: number): void {
  const per = 2 * (segments + 1);
  const seen = new Uint32Array((hair.count / per) * segments);
  const raster = new Raster(SIDE, SIDE);
  const plain = { ...hair.texture, data: hair.texture.data.map((v, i) => (i % 4 === 3 ? v : 1)) };
  const numbered: HairMesh = {
    ...hair,
    texture: plain,
    light: new Float32Array(3 * hair.count),
    gloss: new Float32Array(hair.count),
  };
  for (let v = 0; v < hair.count; v++) numbered.light.set([Math.floor(v / per) + 1, Math.floor((v % per) / 2), 0], 3 * v);
  const unlit: Mesh = { ...face, light: new Float32Array(3 * face.count), gloss: new Float32Array(face.count) };
  const black = new Float32Array(SIDE * SIDE * 3);
  for (const yaw of YAWS) {
    for (const pitch of PITCHES) {
      const view: View = { width: SIDE, zoom: 1, rotation: turn(yaw, pitch, 0), shift: [0, 0] };
      place(face, view);
      place(hair, view);
      raster.begin(black);
      raster.draw(unlit);
      drawRibbons(raster, numbered);
      for (let p = 0; p < raster.rgb.length; p += 3) {
        const ribbon = Math.round(raster.rgb[p]);
        if (ribbon > 0) seen[(ribbon - 1) * segments + Math.min(segments - 1, Math.floor(raster.rgb[p + 1]))]++;
      }
    }
  }
  const kept: number[] = [];
  for (let t = 0; t < hair.triangles.length; t += 6) {
    const first = hair.triangles[t];
    const piece = Math.floor(first / per) * segments + Math.floor((first % per) / 2);
    const k = piece % segments;
    const beside = Math.max(k > 0 ? seen[piece - 1] : 0, k < segments - 1 ? seen[piece + 1] : 0);
    if (seen[piece] >= SEEN || beside >= PROMINENT) kept.push(...hair.triangles.subarray(t, t + 6));
  }
  hair.triangles = Int32Array.from(kept);
}
