import { type FitInput, matteAt, trainingCount } from './fit-input.ts';

/** Frames that share a plate: cameras zoom and pan (one median plate for all scored 28 dB on held-out background, the last one 40 dB). */
const WINDOW = 60;
/** Frames before and after a window that it may borrow from, and the spacing of what is read. */
const BORROW = 15;
const EVERY = 5;
/** Matte below which a pixel is certainly background. */
const CLEAR = 20;

export interface Plates {
  /** Interleaved rgb per window. */
  readonly plates: readonly Uint8Array[];
  /** Plate of a frame; held-out frames get the last training one. */
  readonly of: (frame: number) => Uint8Array;
}

/** Background pictures from training frames only: masked median per window, holes from neighbouring windows, then from around. */
export function backgroundPlates(input: FitInput): Plates {
  const train = trainingCount(input.frames.length);
  const count = Math.ceil(train / WINDOW);
  const seen = Array.from({ length: count }, (_, p) =>
    medianPlate(input, Math.max(0, p * WINDOW - BORROW), Math.min(train, (p + 1) * WINDOW + BORROW)),
  );
  const plates = seen.map((plate, p) => {
    const out = plate.rgb.slice();
    const known = plate.known.slice();
    for (let d = 1; d < count; d++) {
      for (const other of [seen[p - d], seen[p + d]]) if (other) borrow(out, known, other);
    }
    fillFromAround(out, known, input.size);
    return out;
  });
  return { plates, of: (frame) => plates[Math.min(count - 1, Math.floor(frame / WINDOW))]! };
}

interface SeenPlate {
  readonly rgb: Uint8Array;
  readonly known: Uint8Array;
}

function medianPlate(input: FitInput, from: number, to: number): SeenPlate {
  const area = input.size ** 2;
  const rgb = new Uint8Array(3 * area);
  const known = new Uint8Array(area);
  const frames: number[] = [];
  for (let f = from; f < to; f += EVERY) frames.push(f);
  const mattes = frames.map((f) => matteAt(input, f));
  const values = [0, 1, 2].map(() => new Uint8Array(frames.length));
  for (let i = 0; i < area; i++) {
    let n = 0;
    for (let k = 0; k < frames.length; k++) {
      if (mattes[k]![i]! >= CLEAR) continue;
      const picture = input.frames[frames[k]!]!;
      for (let c = 0; c < 3; c++) values[c]![n] = picture[3 * i + c]!;
      n++;
    }
    if (n < 2) continue;
    known[i] = 1;
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = values[c]!.subarray(0, n).sort()[n >> 1]!;
  }
  return { rgb, known };
}

function borrow(out: Uint8Array, known: Uint8Array, other: SeenPlate): void {
  for (let i = 0; i < known.length; i++) {
    if (known[i] || !other.known[i]) continue;
    known[i] = 1;
    for (let c = 0; c < 3; c++) out[3 * i + c] = other.rgb[3 * i + c]!;
  }
}

/** Never-seen pixels take the mean of known neighbours, ring by ring. */
function fillFromAround(rgb: Uint8Array, known: Uint8Array, side: number): void {
  let open = [...known.keys()].filter((i) => known[i] === 0);
  if (open.length === known.length) rgb.fill(128); // no background was ever seen
  while (open.length > 0 && open.length < known.length) {
    const ring: [number, number, number, number][] = [];
    const rest: number[] = [];
    for (const i of open) {
      const x = i % side;
      const around = [x > 0 ? i - 1 : -1, x < side - 1 ? i + 1 : -1, i - side, i + side].filter((j) => known[j] === 1);
      if (around.length === 0) rest.push(i);
      else
        ring.push([
          i,
          ...([0, 1, 2].map((c) => around.reduce((sum, j) => sum + rgb[3 * j + c]!, 0) / around.length) as [
            number,
            number,
            number,
          ]),
        ]);
    }
    for (const [i, ...mean] of ring) {
      known[i] = 1;
      mean.forEach((v, c) => (rgb[3 * i + c] = Math.round(v)));
    }
    open = rest;
  }
}
