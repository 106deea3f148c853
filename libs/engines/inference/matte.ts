import type { RgbFrame } from '#kernel';
import { wholePicture } from './detector.ts';
import { Net } from './net.ts';
import { sampleRegion, ZERO_TO_ONE } from './region.ts';

export const MATTE_SIDE = 256;

/**
 * Person matte of a square picture at the net's own 256 × 256: 255 = person. A matte for losses and backgrounds; hair is soft and
 * everything a person holds counts as person. 3 ms.
 */
export async function matteOf(frame: RgbFrame): Promise<Uint8Array> {
  const net = await Net.get('selfie_segmentation');
  const { out_activation_10: probability } = await net.run((input) =>
    sampleRegion(frame, wholePicture(frame), MATTE_SIDE, input('input_1'), ZERO_TO_ONE),
  );
  const matte = new Uint8Array(MATTE_SIDE * MATTE_SIDE);
  for (let i = 0; i < matte.length; i++) matte[i] = probability![i]! * 255 + 0.5;
  return matte;
}

/** Bilinear change of size; the mean of whole blocks when shrinking by an integer. */
export function resizeMatte(matte: Uint8Array, from: number, to: number): Uint8Array {
  if (from === to) return matte;
  const out = new Uint8Array(to * to);
  const step = from / to;
  const taps = Math.max(1, Math.round(step));
  for (let y = 0; y < to; y++) {
    for (let x = 0; x < to; x++) {
      let sum = 0;
      for (let j = 0; j < taps; j++)
        for (let i = 0; i < taps; i++)
          sum += bilinear(matte, from, (x + (i + 0.5) / taps) * step - 0.5, (y + (j + 0.5) / taps) * step - 0.5);
      out[y * to + x] = sum / (taps * taps) + 0.5;
    }
  }
  return out;
}

function bilinear(matte: Uint8Array, side: number, x: number, y: number): number {
  const ux = Math.max(0, Math.min(side - 1.001, x));
  const uy = Math.max(0, Math.min(side - 1.001, y));
  const x0 = Math.floor(ux);
  const y0 = Math.floor(uy);
  const fx = ux - x0;
  const fy = uy - y0;
  const q = y0 * side + x0;
  return (matte[q]! * (1 - fx) + matte[q + 1]! * fx) * (1 - fy) + (matte[q + side]! * (1 - fx) + matte[q + side + 1]! * fx) * fy;
}

/** The matte between two others, `t` of the way: frames in between are filled in, not segmented (see trackHead). */
export function betweenMattes(a: Uint8Array, b: Uint8Array, t: number): Uint8Array {
  const out = new Uint8Array(a.length);
  const k = Math.round(t * 256);
  for (let i = 0; i < out.length; i++) out[i] = (a[i]! * (256 - k) + b[i]! * k + 128) >> 8;
  return out;
}
