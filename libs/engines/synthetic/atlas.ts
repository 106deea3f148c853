import type { Surface } from './surface.ts';

/** The skin's texture as places on the mean head: paint is put on in metres, so it has no seams. */
export interface Atlas {
  readonly side: number;
  /** xyz in metres per texel. */
  readonly place: Float32Array;
  /** 0: no skin here; 1: the rim that filtering reaches into; 2: skin. */
  readonly cover: Uint8Array;
  /** 0..1, softened at the border of the lips. */
  readonly lips: Float32Array;
}

export function buildAtlas(surface: Surface, side: number): Atlas {
  const place = new Float32Array(side * side * 3);
  const cover = new Uint8Array(side * side);
  const lips = new Float32Array(side * side);
  const { triangles, uvTriangles, u, v, rest, regionOf } = surface;
  for (let t = 0; t < triangles.length; t += 3) {
    const region = regionOf(t / 3);
    if (region === 'eyeSocket' || region === 'mouthInterior') continue;
    const x = [0, 1, 2].map((k) => u[uvTriangles[t + k]] * side) as [number, number, number];
    const y = [0, 1, 2].map((k) => v[uvTriangles[t + k]] * side) as [number, number, number];
    const area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0]);
    if (Math.abs(area) < 1e-9) continue;
    const lip = region === 'lips' ? 1 : 0;
    const slack = Math.min(0.5, 0.6 / Math.sqrt(Math.abs(area)));
    const y1 = Math.min(side - 1, Math.max(...y) + 1);
    const x1 = Math.min(side - 1, Math.max(...x) + 1);
    for (let py = Math.max(0, Math.floor(Math.min(...y)) - 1); py <= y1; py++) {
      for (let px = Math.max(0, Math.floor(Math.min(...x)) - 1); px <= x1; px++) {
        const dx = px + 0.5 - x[0];
        const dy = py + 0.5 - y[0];
        const b = (dx * (y[2] - y[0]) - dy * (x[2] - x[0])) / area;
        const c = (dy * (x[1] - x[0]) - dx * (y[1] - y[0])) / area;
        const inside = b >= 0 && c >= 0 && b + c <= 1;
        const p = py * side + px;
        if (!inside && (b < -slack || c < -slack || b + c > 1 + slack || cover[p] === 2)) continue;
        for (let k = 0; k < 3; k++) {
          place[3 * p + k] =
            rest[3 * triangles[t] + k] * (1 - b - c) + rest[3 * triangles[t + 1] + k] * b + rest[3 * triangles[t + 2] + k] * c;
        }
        cover[p] = inside ? 2 : 1;
        lips[p] = lip;
      }
    }
  }
  soften(lips, side, Math.max(1, Math.round(side / 300)));
  return { side, place, cover, lips };
}

function soften(row: Float32Array, side: number, radius: number): void {
  const out = new Float32Array(row.length);
  for (let pass = 0; pass < 2; pass++) {
    for (let y = radius; y < side - radius; y++) {
      for (let x = radius; x < side - radius; x++) {
        let sum = 0;
        for (let j = -radius; j <= radius; j++) for (let i = -radius; i <= radius; i++) sum += row[(y + j) * side + x + i];
        out[y * side + x] = sum / (2 * radius + 1) ** 2;
      }
    }
    row.set(out);
  }
}

/** Colours of the rim outside the chart, so that filtering never mixes in the background. */
export function growEdges(data: Float32Array, cover: Uint8Array, side: number): void {
  const done = Uint8Array.from(cover, (c) => (c ? 1 : 0));
  for (let pass = 0; pass < 4; pass++) {
    const added: number[] = [];
    for (let y = 1; y < side - 1; y++) {
      for (let x = 1; x < side - 1; x++) {
        const p = y * side + x;
        if (done[p]) continue;
        const from = [p - 1, p + 1, p - side, p + side].find((q) => done[q]);
        if (from === undefined) continue;
        data.copyWithin(3 * p, 3 * from, 3 * from + 3);
        added.push(p);
      }
    }
    for (const p of added) done[p] = 1;
  }
}
