import { type LandmarkFrame, readClip, type Track, type TrackedFrame } from '#face';
import type { RgbFrame } from '#kernel';
import { detectFaces } from './detector.ts';
import { type Landmarks, landmarksIn, landmarksOfDetection, regionOfLandmarks } from './landmarks.ts';
import { MATTE_SIDE, betweenMattes, matteOf, resizeMatte } from './matte.ts';
import { modelHashes } from './model-registry.ts';

/** Below this the net says that there is no face in its region. */
export const MIN_PRESENCE = 0.5;

export interface TrackHeadOptions {
  readonly fps: number;
  /** Side of the mattes. 256 is the net's own. */
  readonly matteSize: number;
  /** The first seconds are known to show a neutral face: calibration is better with them. */
  readonly neutralSeconds?: number;
  /** Every n-th frame is segmented (3), the others lie between two neighbours: overlap with their own mattes .995 and .999 on two clips. */
  readonly matteEvery?: number;
  readonly onProgress?: (progress: { readonly framesRead: number }) => void;
}

/**
 * Follows one head through a square crop of a clip: landmarks from the region of the last frame's, calibration on frames spread over
 * the clip, then coefficients and pose of every frame. The order is two passes over landmarks, one over pictures. 9 ms per frame.
 * @throws CalibrationError when next to no frame shows a face.
 */
export async function trackHead(frames: AsyncIterable<RgbFrame>, options: TrackHeadOptions): Promise<Track> {
  const { fps, matteSize, neutralSeconds, matteEvery = 3, onProgress } = options;
  const seen: (Landmarks | undefined)[] = [];
  const clip: LandmarkFrame[] = [];
  const mattes = new MatteTimeline(matteEvery, matteSize);
  let size = 0;
  let last: Landmarks | undefined;
  for await (const frame of frames) {
    size = requireSquare(frame, size);
    last = await followFace(frame, last);
    seen.push(last);
    clip.push({ time: frame.time, points: last?.points ?? null });
    await mattes.add(frame);
    onProgress?.({ framesRead: seen.length });
  }
  const { frames: read, subject } = readClip(clip, { size, fps, ...(neutralSeconds === undefined ? {} : { neutralSeconds }) });
  return {
    size,
    fps,
    frames: assemble(clip, seen, read),
    mattes: mattes.finish(),
    matteSize,
    models: modelHashes('face_detector_short_range', 'face_mesh_attention_478', 'selfie_segmentation'),
    calibration: {
      identity: subject.identity,
      rest: subject.rest,
      focal: subject.focal / size,
      residual: subject.residual,
    },
  };
}

function requireSquare({ width, height, data }: RgbFrame, size: number): number {
  if (width !== height) throw new RangeError(`a head is tracked in square frames, not ${width} × ${height}`);
  if (size !== 0 && size !== width) throw new RangeError(`the frames change their size from ${size} to ${width}`);
  if (data.length !== 3 * width * height) throw new RangeError(`a frame of ${width}² needs ${3 * width * height} bytes`);
  return width;
}

/** The face where the last frame had it; else the largest one that the detector finds. */
export async function followFace(frame: RgbFrame, last: Landmarks | undefined): Promise<Landmarks | undefined> {
  if (last) {
    const next = await landmarksIn(frame, regionOfLandmarks(last.points));
    if (next.presence >= MIN_PRESENCE) return next;
  }
  const faces = await detectFaces(frame);
  // The crop was cut around one head: a face behind its shoulder is smaller.
  const face = faces.sort((a, b) => b.score * b.box.width * b.box.height - a.score * a.box.width * a.box.height)[0];
  if (!face) return undefined;
  const found = await landmarksOfDetection(frame, face);
  return found.presence >= MIN_PRESENCE ? found : undefined;
}

function assemble(
  clip: readonly LandmarkFrame[],
  seen: readonly (Landmarks | undefined)[],
  read: readonly Pick<TrackedFrame, 'coefficients' | 'pose'>[],
): TrackedFrame[] {
  let landmarks = seen.find((found) => found !== undefined)!.points;
  return clip.map(({ time, points }, i) => {
    landmarks = points ?? landmarks;
    const { coefficients, pose } = read[i]!;
    const found = seen[i];
    return {
      time,
      present: points !== null,
      score: found?.presence ?? 0,
      landmarks,
      pose,
      coefficients,
      sharpness: found?.sharpness ?? 0,
    };
  });
}

/** Mattes of every frame from nets on every n-th: the ones between are blended once the next one is known. */
class MatteTimeline {
  private readonly mattes: Uint8Array[] = [];
  private lastMatte: Uint8Array | undefined;
  private waiting = 0;

  constructor(
    private readonly every: number,
    private readonly size: number,
  ) {}

  async add(frame: RgbFrame): Promise<void> {
    if (this.lastMatte && this.waiting + 1 < this.every) {
      this.waiting++;
      return;
    }
    const matte = resizeMatte(await matteOf(frame), MATTE_SIDE, this.size);
    this.fill(matte);
    this.mattes.push(matte);
    this.lastMatte = matte;
  }

  private fill(next: Uint8Array): void {
    for (let k = 1; k <= this.waiting; k++) this.mattes.push(betweenMattes(this.lastMatte!, next, k / (this.waiting + 1)));
    this.waiting = 0;
  }

  /** All mattes; frames after the last segmented one repeat it. */
  finish(): Uint8Array[] {
    if (this.lastMatte) this.fill(this.lastMatte);
    return this.mattes;
  }
}
