import { type Geometry, identity } from './geometry.ts';

export type StageName = 'identity' | 'mirror' | 'scale-and-crop' | 'rotation' | 'stretch';

export interface Stage {
  readonly name: StageName;
  /** All shifts are tried by correlation; otherwise only the geometries themselves. */
  readonly correlate: boolean;
  geometries(chips: number): Geometry[];
}

/**
 * What happens to pictures, the likely first. What is not listed (a crop below 0.42, a turn beyond 6°) is not found. The map for large
 * chips also sees the 96-chip pictures that were cut to half, the map for small chips the 72-chip ones inside a larger canvas; so each
 * looks only where its filters fit.
 */
export const STAGES: readonly Stage[] = [
  { name: 'identity', correlate: false, geometries: (chips) => [identity(chips)] },
  { name: 'mirror', correlate: false, geometries: (chips) => [{ ...identity(chips), flip: true }] },
  scaled(false, { 96: [0.62, 1.06], 72: [0.62, 1.06] }),
  scaled(true, { 96: [0.62, 1.06], 72: [0.62, 1.06] }),
  scaled(false, { 72: [0.42, 0.62] }),
  scaled(false, { 96: [1.06, 1.9] }), // the clip inside a larger canvas: a screenshot of a window
  scaled(true, { 72: [0.42, 0.62] }),
  { name: 'rotation', correlate: true, geometries: (chips) => turns().map((rotation) => ({ ...identity(chips), rotation })) },
  { name: 'stretch', correlate: true, geometries: (chips) => stretches().map((shape) => ({ ...identity(chips), ...shape })) },
];

function scaled(flip: boolean, ranges: Record<number, readonly [number, number]>): Stage {
  return {
    name: 'scale-and-crop',
    correlate: true,
    geometries: (chips) => {
      const list: Geometry[] = [];
      const [from, to] = ranges[chips] ?? [1, 0];
      // 1.5 % is a quarter of a chip at the edge of a picture.
      for (let scale = to; scale >= from; scale /= 1.015) list.push({ ...identity(chips), scale, flip });
      return list;
    },
  };
}

/** ±6° in steps of 0.6°. */
const turns = (): number[] => Array.from({ length: 21 }, (_, i) => ((i - 10) * 0.6 * Math.PI) / 180).filter((turn) => turn !== 0);

/** Width over height by 0.88 to 1.14. The short side may be the one that changed, or not. */
function stretches(): { aspect: number; scale: number }[] {
  const list: { aspect: number; scale: number }[] = [];
  for (let ratio = 0.88; ratio <= 1.14; ratio += 0.02) {
    if (Math.abs(ratio - 1) < 0.01) continue;
    const aspect = Math.sqrt(ratio);
    list.push({ aspect, scale: aspect }, { aspect, scale: 1 / aspect });
  }
  return list;
}
