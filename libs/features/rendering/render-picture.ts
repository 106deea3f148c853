import type { Drive } from '#face';
import { type Replica, createRenderer } from '#gaussians';
import type { RgbFrame } from '#kernel';
import { type VideoMarker, THUMBNAILS_PER_SECOND } from '#provenance';
import { drawLabel, labelText } from './label.ts';

export interface RenderedClip {
  /** Labelled and marked pictures, in order. Made as fast as the encoder takes them. */
  frames(): AsyncIterable<Uint8Array>;
  /** One picture a second, as published: what the registry keeps to recognise a copied mark. Filled while `frames` runs. */
  readonly kept: RgbFrame[];
  /** Named numbers that were asked for beyond the footage and were clamped. */
  readonly outOfRange: Set<string>;
}

/** Drive → picture → label → watermark. The label comes before the mark, so that cutting it off does not cut the mark. */
export function renderClip(
  replica: Replica,
  drives: readonly Drive[],
  fps: number,
  marker: VideoMarker,
  demo: boolean,
  onFrame: (done: number) => void,
): RenderedClip {
  const renderer = createRenderer(replica);
  const { size } = renderer;
  const kept: RgbFrame[] = [];
  const outOfRange = new Set<string>();
  const every = Math.max(1, Math.round(fps / THUMBNAILS_PER_SECOND));
  return {
    kept,
    outOfRange,
    async *frames() {
      for (const [i, drive] of drives.entries()) {
        const rendered = renderer.render(drive);
        for (const name of rendered.outOfRange) outOfRange.add(name);
        const picture = rendered.picture.slice();
        drawLabel(picture, size, size, labelText(demo));
        marker.mark(picture);
        if (i % every === 0) kept.push({ width: size, height: size, data: picture, time: i / fps });
        onFrame(i + 1);
        // The loop would otherwise hold the process for the whole clip: heartbeats and cancellation need their turn.
        if (i % 8 === 0) await new Promise((next) => setImmediate(next));
        yield picture;
      }
    },
  };
}
