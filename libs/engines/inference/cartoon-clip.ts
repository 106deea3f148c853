import type { RgbFrame } from '#kernel';
import { cartoonFace } from './golden-inputs.ts';

/** A cartoon face in a picture: middle and height in pixels. */
export interface CartoonPlace {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/** A picture with cartoon faces on grey: enough for detector, landmarks and matte, so that tests and the bench need nobody's face. */
export function cartoonPicture(width: number, height: number, faces: readonly CartoonPlace[], time = 0): RgbFrame {
  const data = new Uint8Array(3 * width * height).fill(84);
  for (const { x, y, size } of faces) {
    const side = Math.round(1.6 * size);
    const face = cartoonFace([1, side, side, 3], { lo: 0, hi: 255, size: 0.6 });
    const left = Math.round(x - side / 2);
    const top = Math.round(y - side / 2);
    for (let row = Math.max(0, -top); row < side && top + row < height; row++) {
      const from = Math.max(0, -left);
      const to = Math.min(side, width - left);
      for (let i = 3 * from; i < 3 * to; i++) data[3 * ((top + row) * width + left) + i] = face[3 * row * side + i]!;
    }
  }
  return { width, height, data, time };
}

/** A clip of cartoons: `at(frame)` says where the faces are. */
export async function* cartoonClip(
  { width, height, frames, fps }: { width: number; height: number; frames: number; fps: number },
  at: (frame: number) => readonly CartoonPlace[],
): AsyncGenerator<RgbFrame> {
  for (let n = 0; n < frames; n++) {
    // Yields to the loop, as a decoder would.
    yield await Promise.resolve(cartoonPicture(width, height, at(n), n / fps));
  }
}
