import type { Box } from './detector.ts';

export interface HeadSquare {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/**
 * Hair above the landmarks, shoulders below and beside them, in face heights (top of the forehead to chin). The shoulders are in the
 * crop because a head without them cannot be composited, and their edge is where a replica's torso ends.
 */
const ABOVE = 0.55;
const BELOW = 0.75;
const BESIDE = 1.2;

/**
 * One square for a whole clip that holds head, hair, neck and shoulders in every picture, with a margin; even integers, inside the
 * picture: shifted where it reaches out, and shrunk to the picture's short side at most.
 */
export function headSquareOf(faces: readonly Box[], width: number, height: number): HeadSquare | null {
  if (faces.length === 0) return null;
  const tall = median(faces.map((face) => face.height));
  const centres = faces.map((face) => face.x + face.width / 2);
  const left = Math.min(...centres) - BESIDE * tall;
  const right = Math.max(...centres) + BESIDE * tall;
  const top = Math.min(...faces.map((face) => face.y)) - ABOVE * tall;
  const bottom = Math.max(...faces.map((face) => face.y + face.height)) + BELOW * tall;
  const most = even(Math.min(width, height));
  const size = Math.min(most, even(Math.max(right - left, bottom - top) + 1));
  // A square taller than the head keeps the head up: what it gains goes to the shoulders.
  const y = size >= bottom - top ? Math.min(top, bottom - size + 0.5 * (size - (bottom - top))) : top;
  return {
    x: place((left + right) / 2 - size / 2, size, width),
    y: place(y, size, height),
    size,
  };
}

const even = (v: number): number => 2 * Math.floor(v / 2);
const place = (at: number, size: number, length: number): number => even(Math.max(0, Math.min(length - size, at)));

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
