import type { RgbFrame } from '#kernel';
import { type Box, containment, detectFaces, overlap, tilesOf, wholePicture } from './detector.ts';
import { compareEmbeddings, embedFace } from './embedding.ts';
import { FACE_MATCH } from './face-match.ts';
import { type FaceTrack, FaceTracks, type OpenTrack, type Sighting } from './face-tracks.ts';
import { type HeadSquare, headSquareOf } from './head-square.ts';
import { boxOfLandmarks, type Landmarks, landmarksIn, landmarksOfDetection, regionOfLandmarks } from './landmarks.ts';
import { modelHashes } from './model-registry.ts';
import { MIN_PRESENCE } from './track-head.ts';

export interface FaceSurvey {
  /** Pictures looked at, and those with at least one face. */
  readonly frames: number;
  readonly framesWithFace: number;
  readonly tracks: readonly FaceTrack[];
  /** Most faces in one picture; a face seen in one picture only does not count. */
  readonly maxSimultaneousFaces: number;
  /** Square crop of the main face for `trackHead`, in pixels of the surveyed pictures; null without a face. */
  readonly headSquare: HeadSquare | null;
  readonly width: number;
  readonly height: number;
  /** sha256 of each model file that took part. */
  readonly models: Readonly<Record<string, string>>;
}

/** Tiles cost eight times a whole picture: every third picture is enough for a bystander who stays 0.6 s at 5 pictures a second. */
const TILE_EVERY = 3;
/** Two finds that overlap this much are one face. */
const SAME_FACE = 0.4;
/** Nor is a find new when this share of it lies in a known face. */
const PART_OF_FACE = 0.7;
/** Faces turned further than this say less about who it is; smaller ones too. */
const MAX_YAW = 0.65;
const MIN_EMBEDDED_WIDTH = 40;

/**
 * Looks for every face in whole pictures at about 5 per second: who is in a clip, how many at once, and where the head is.
 * 20 to 30 ms per picture.
 */
export async function surveyFaces(
  frames: AsyncIterable<RgbFrame>,
  onProgress?: (progress: { readonly framesRead: number }) => void,
): Promise<FaceSurvey> {
  const tracks = new FaceTracks();
  let [count, withFace, width, height] = [0, 0, 0, 0];
  for await (const frame of frames) {
    ({ width, height } = frame);
    if ((await lookAt(frame, tracks, count % TILE_EVERY === 0)) > 0) withFace++;
    count++;
    onProgress?.({ framesRead: count });
  }
  const found = tracks.finish();
  return {
    frames: count,
    framesWithFace: withFace,
    tracks: found,
    maxSimultaneousFaces: mostAtOnce(found),
    headSquare: headSquareOf(mainBoxes(found), width, height),
    width,
    height,
    models: modelHashes('face_detector_short_range', 'face_mesh_attention_478', 'face_embed_dlib'),
  };
}

/** Follows the known faces, then looks for new ones. Returns how many faces the picture shows. */
async function lookAt(frame: RgbFrame, tracks: FaceTracks, finely: boolean): Promise<number> {
  const shown: Box[] = [];
  const known = new Set<OpenTrack>();
  const isNew = (box: Box): boolean =>
    shown.every((other) => overlap(other, box) < SAME_FACE && containment(other, box) < PART_OF_FACE);
  for (const track of tracks.active(frame.time)) {
    const landmarks = await landmarksIn(frame, regionOfLandmarks(track.last.points));
    const box = boxOfLandmarks(landmarks.points);
    // The region may have slipped onto a neighbour that another track follows.
    if (landmarks.presence < MIN_PRESENCE || !isNew(box) || overlap(track.last.box, box) < 0.1) continue;
    shown.push(box);
    known.add(track);
    tracks.extend(track, await sight(frame, landmarks, box, track.wantsEmbedding));
  }
  const regions = [wholePicture(frame), ...(finely ? tilesOf(frame) : [])];
  for (const face of await detectFaces(frame, regions)) {
    if (!isNew(face.box)) continue;
    const landmarks = await landmarksOfDetection(frame, face);
    const box = boxOfLandmarks(landmarks.points);
    if (landmarks.presence < MIN_PRESENCE || !isNew(box)) continue;
    shown.push(box);
    const track = tracks.findAt(box, known);
    const sighting = await sight(frame, landmarks, box, track?.wantsEmbedding ?? true);
    if (track) {
      known.add(track);
      tracks.extend(track, sighting);
    } else tracks.begin(sighting);
  }
  return shown.length;
}

async function sight(frame: RgbFrame, { points, presence }: Landmarks, box: Box, wanted: boolean): Promise<Sighting> {
  const usable = wanted && box.width >= MIN_EMBEDDED_WIDTH && Math.abs(yawOf(points)) < MAX_YAW;
  return { time: frame.time, box, score: presence, points, embedding: usable ? await embedFace(frame, points) : null };
}

/** Turn of the head in radians, from the net's own depth: good enough to leave profiles out. */
function yawOf(points: Float32Array): number {
  const across = (k: number): number =>
    [263, 362, 356, 454].reduce((sum, i) => sum + points[3 * i + k]!, 0) -
    [33, 133, 127, 234].reduce((sum, i) => sum + points[3 * i + k]!, 0);
  return Math.atan2(across(2), across(0));
}

function mostAtOnce(tracks: readonly FaceTrack[]): number {
  const at = new Map<number, number>();
  for (const track of tracks) {
    if (track.detections < 2) continue;
    for (const { time } of track.boxes) at.set(time, (at.get(time) ?? 0) + 1);
  }
  return Math.max(0, ...at.values());
}

/** Boxes of the face that is there longest, and of its other tracks. */
function mainBoxes(tracks: readonly FaceTrack[]): readonly Box[] {
  const main = [...tracks].sort((a, b) => area(b) - area(a))[0];
  if (!main) return [];
  const same = (track: FaceTrack): boolean =>
    track === main ||
    (track.meanEmbedding !== null &&
      main.meanEmbedding !== null &&
      compareEmbeddings(track.meanEmbedding, main.meanEmbedding) >= FACE_MATCH.accept);
  return tracks.filter(same).flatMap((track) => track.boxes);
}

/** Time in the picture × size: a bystander who stays long is still smaller. */
const area = ({ boxes }: FaceTrack): number => boxes.reduce((sum, box) => sum + box.width * box.height, 0);
