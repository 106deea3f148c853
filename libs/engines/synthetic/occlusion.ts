import type { HairMesh } from './hair.ts';
import { computeNormals, type Mesh } from './mesh.ts';
import { castShadows, lightReaching, makeShadowMap } from './shadow-map.ts';
import { clamp, lerp, type Vec3 } from './vector.ts';

const DIRECTIONS = 28;

/**
 * How much sky each vertex of a person sees, once, at rest: sockets, nostrils, ears, under the chin and under the hair come out right
 * without any special case.
 */
export function bakeOcclusion(person: { face: Mesh; hair: HairMesh; clothes: { body: Mesh; collar: Mesh } }): void {
  const { face, hair, clothes } = person;
  const meshes: Mesh[] = [face, clothes.body, clothes.collar, hair];
  for (const mesh of meshes) {
    mesh.placed.set(mesh.points);
    if (mesh !== hair && mesh !== face) computeNormals(mesh, mesh.points);
  }
  const seen = meshes.map((mesh) => new Float32Array(mesh.count));
  const total = meshes.map((mesh) => new Float32Array(mesh.count));
  const map = makeShadowMap(224);
  for (let s = 0; s < DIRECTIONS; s++) {
    // A spiral over the sky, a little below the horizon too.
    const y = 1 - ((s + 0.5) / DIRECTIONS) * 1.45;
    const q = Math.sqrt(Math.max(0, 1 - y * y));
    const d: Vec3 = [q * Math.cos(s * 2.39996), y, q * Math.sin(s * 2.39996)];
    castShadows(meshes, d, map, () => 1);
    meshes.forEach((mesh, m) => {
      const normals = mesh === hair ? hair.away : mesh.normals;
      const bias = mesh === hair ? 0.006 : 0.0035;
      for (let v = 0; v < mesh.count; v++) {
        let cosine = normals[3 * v] * d[0] + normals[3 * v + 1] * d[1] + normals[3 * v + 2] * d[2];
        if (mesh === hair) cosine = 0.5 + 0.5 * cosine;
        if (cosine <= 0) continue;
        total[m][v] += cosine;
        seen[m][v] += cosine * lightReaching(map, mesh, v, bias, 1);
      }
    });
  }
  meshes.forEach((mesh, m) => {
    mesh.occlusion = seen[m].map((sum, v) => (total[m][v] > 0 ? clamp((sum / total[m][v]) * 1.15) : 0.3));
  });
  const open = hair.occlusion as Float32Array;
  for (let v = 0; v < hair.count; v++) open[v] = lerp(0.3, 1, open[v]) * hair.depth[v];
}
