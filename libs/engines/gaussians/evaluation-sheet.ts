import { coefficientIndex, type CoefficientName, type Drive } from '#face';
import { PNG } from 'pngjs';
import { drawText, LETTER_HEIGHT } from './bitmap-font.ts';
import { heldOutFrames } from './evaluate.ts';
import type { FitResult } from './fit-replica.ts';
import { createRenderer } from './renderer.ts';
import { driveAt } from './scene.ts';

const COLUMNS = 6;
/** Height of the band above each picture that its label stands in. */
const BAND = 13;

interface Tile {
  readonly label: string;
  /** Interleaved rgb. */
  readonly picture: Uint8Array;
}

/** One swept control: what it is set to from left to right, on a neutral frame. */
interface Sweep {
  readonly name: string;
  readonly values: readonly number[];
  readonly set: (drive: Required<Drive>, value: number) => Drive;
}

const STEPS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const coefficientSweep = (name: string, names: readonly CoefficientName[]): Sweep => ({
  name,
  values: STEPS,
  set: (drive, value) => {
    const coefficients = drive.coefficients.slice();
    for (const one of names) coefficients[coefficientIndex(one)] = value;
    return { ...drive, coefficients };
  },
});
const SWEEPS: readonly Sweep[] = [
  coefficientSweep('jawOpen', ['jawOpen']),
  coefficientSweep('eyeBlink', ['eyeBlinkLeft', 'eyeBlinkRight']),
  coefficientSweep('mouthSmile', ['mouthSmileLeft', 'mouthSmileRight']),
  {
    name: 'yaw deg',
    values: [-18, -12, -6, 6, 12, 18],
    set: (drive, value) => ({ ...drive, pose: { ...drive.pose, yaw: drive.pose.yaw + (value * Math.PI) / 180 } }),
  },
];

/**
 * A sheet for the eye, PNG: held-out frames above their reconstruction, then sweeps of jawOpen, eyeBlink, mouthSmile and yaw on the
 * neutral frame. A picture of the person: treat it like the footage.
 */
export function evaluationSheet({ replica, scene }: Pick<FitResult, 'replica' | 'scene'>): Uint8Array {
  const renderer = createRenderer(replica);
  const held = heldOutFrames(scene);
  const shown = Array.from({ length: COLUMNS }, (_, i) => held[Math.floor(((i + 0.5) * held.length) / COLUMNS)]!);
  const drawn = (drive: Drive): Uint8Array => renderer.render(drive).picture.slice();
  const neutral = driveAt(scene, scene.reference);
  const rows: Tile[][] = [
    shown.map((f) => ({ label: `held out, frame ${f}`, picture: scene.input.frames[f]! })),
    shown.map((f) => ({ label: 'reconstruction', picture: drawn(driveAt(scene, f)) })),
    ...SWEEPS.map(({ name, values, set }) =>
      values.map((value) => {
        const { picture, outOfRange } = renderer.render(set(neutral, value));
        return { label: `${name} ${value}${outOfRange.length > 0 ? ' (beyond the footage)' : ''}`, picture: picture.slice() };
      }),
    ),
  ];
  return sheetOf(rows, renderer.size);
}

function sheetOf(rows: readonly (readonly Tile[])[], side: number): Uint8Array {
  const png = new PNG({ width: COLUMNS * side, height: rows.length * (side + BAND) });
  png.data.fill(255);
  const put = (x: number, y: number, r: number, g: number, b: number): void => {
    const o = 4 * (y * png.width + x);
    png.data[o] = r;
    png.data[o + 1] = g;
    png.data[o + 2] = b;
  };
  rows.forEach((row, j) => {
    row.forEach(({ label, picture }, i) => {
      const [left, top] = [i * side, j * (side + BAND)];
      drawText(label, (x, y) => {
        if (x + 3 < side) put(left + x + 3, top + y + (BAND - LETTER_HEIGHT) / 2, 20, 20, 20);
      });
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const p = 3 * (y * side + x);
          put(left + x, top + BAND + y, picture[p]!, picture[p + 1]!, picture[p + 2]!);
        }
      }
    });
  });
  return PNG.sync.write(png, { colorType: 2 });
}
