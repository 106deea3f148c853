import { type Drive } from '#face';
import { postureOf } from './drive-rig.ts';
import type { Replica } from './replica.ts';
import { SplatHead } from './splat-head.ts';

export interface Rendered {
  /** Interleaved rgb, size² × 3 bytes; the renderer's own buffer, overwritten by the next call. */
  readonly picture: Uint8Array;
  /** Named numbers that the drive asked for beyond what the training footage showed; they were clamped where needed. */
  readonly outOfRange: readonly string[];
}

export interface Renderer {
  readonly size: number;
  /** About 10 CPU-ms at 256² and 6,000 splats, on a busy machine. */
  render(drive: Drive): Rendered;
  /** Replaces the background, interleaved rgb size²; nothing: the subject's own. */
  setBackground(rgb?: Uint8Array): void;
}

/** Draws a replica. Holds its own WASM memory: one per thread. */
export function createRenderer(replica: Replica): Renderer {
  const { model, rig, plate, manifest } = replica;
  const head = new SplatHead(model, manifest.size);
  const picture = new Uint8Array(3 * manifest.size ** 2);
  head.setPlate(plate);
  return {
    size: manifest.size,
    render(drive) {
      const { posture, outOfRange } = postureOf(rig, model.blocks, drive);
      head.draw(posture);
      return { picture: head.picture(picture), outOfRange };
    },
    setBackground(rgb = plate) {
      if (rgb.length !== picture.length) throw new RangeError(`a background of ${manifest.size}² has ${picture.length} bytes`);
      head.setPlate(rgb);
    },
  };
}
