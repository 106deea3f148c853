import { compareEmbeddings, meanEmbedding } from './embedding.ts';
import { FACE_MATCH } from './face-match.ts';
import { type Box, overlap } from './detector.ts';

export interface TrackBox extends Box {
  readonly time: number;
}

/** One face followed through a clip. A cut, a loss of a second, or another person in the same place begins a new one. */
export interface FaceTrack {
  readonly firstTime: number;
  readonly lastTime: number;
  /** Surveyed pictures that show this face. */
  readonly detections: number;
  /** Highest presence score of the landmark net, 0..1. */
  readonly bestScore: number;
  /** How many embeddings were taken. */
  readonly embeddings: number;
  /** Direction of their mean, 128 numbers of length 1; null with fewer than five: too few to say who this is. */
  readonly meanEmbedding: Float32Array | null;
  /** Lowest cosine of one embedding of the track with its mean; 1 without embeddings. */
  readonly lowestMatch: number;
  /** Embeddings that did not look like the rest for one picture and then did again: blur, a hand, or a short insert. */
  readonly outliers: number;
  /** Longest stretch of the track in seconds in which no embedding was taken: nobody has checked who was there. */
  readonly longestUnseen: number;
  readonly boxes: readonly TrackBox[];
}

/** Fewer embeddings than this decide nothing. */
export const MIN_EMBEDDINGS = 5;
/**
 * An embedding below this against the track's mean is of another person, when the next one agrees: what would not be accepted as the
 * same person is not followed as one. Lowest seen within a clip: .961 of 502 and .982 of 180 embeddings on two real clips.
 */
const SWAP = FACE_MATCH.accept;
/** Seconds without a detection that end a track. */
const MAX_GAP = 1;
/** Boxes of one face in two surveyed pictures have at least this in common. */
const SAME_PLACE = 0.2;

export interface Sighting {
  readonly time: number;
  readonly box: Box;
  readonly score: number;
  /** null: not taken in this picture. */
  readonly embedding: Float32Array | null;
  /** Landmarks to follow the face with; opaque here. */
  readonly points: Float32Array;
}

/** A track being built. */
export class OpenTrack {
  readonly sightings: Sighting[] = [];
  /** Sightings since the embeddings stopped looking like the rest. */
  private suspects: Sighting[] = [];
  private accepted: Float32Array[] = [];
  private outliers = 0;

  constructor(first: readonly Sighting[]) {
    for (const sighting of first) this.accept(sighting);
  }

  get last(): Sighting {
    return this.suspects.at(-1) ?? this.sightings.at(-1)!;
  }

  /** The next picture needs an embedding at once: the track is young, or somebody may have taken the person's place. */
  get wantsEmbedding(): boolean {
    if (this.accepted.length < MIN_EMBEDDINGS || this.suspects.length > 0) return true;
    return this.last.embedding === null;
  }

  /** Adds a sighting in the same place. Returns the sightings that belong to somebody else, who begins a track of his own. */
  add(sighting: Sighting): readonly Sighting[] {
    const { embedding } = sighting;
    if (!embedding || this.accepted.length === 0) {
      if (this.suspects.length > 0) this.suspects.push(sighting);
      else this.accept(sighting);
      return [];
    }
    if (compareEmbeddings(embedding, meanEmbedding(this.accepted)) < SWAP) {
      const confirmed = this.suspects.some((suspect) => suspect.embedding);
      this.suspects.push(sighting);
      if (!confirmed) return [];
      return this.takeSuspects();
    }
    // The face is itself again: what lay between stays in the track, but not in its mean.
    this.outliers += this.suspects.filter((suspect) => suspect.embedding).length;
    this.sightings.push(...this.suspects);
    this.suspects = [];
    this.accept(sighting);
    return [];
  }

  /**
   * The suspects, and the sightings before them that nobody checked: the swap may lie anywhere after the last good embedding. Called
   * when a second embedding agrees, and when the track ends without a second opinion.
   */
  takeSuspects(): readonly Sighting[] {
    const strangers = this.suspects;
    this.suspects = [];
    if (strangers.length === 0) return [];
    while (this.sightings.at(-1)?.embedding === null) strangers.unshift(this.sightings.pop()!);
    return strangers;
  }

  private accept(sighting: Sighting): void {
    this.sightings.push(sighting);
    if (sighting.embedding) this.accepted.push(sighting.embedding);
  }

  close(): FaceTrack {
    const { sightings, accepted } = this;
    const mean = accepted.length > 0 ? meanEmbedding(accepted) : null;
    const all = sightings.flatMap(({ embedding }) => (embedding ? [embedding] : []));
    return {
      firstTime: sightings[0]!.time,
      lastTime: sightings.at(-1)!.time,
      detections: sightings.length,
      bestScore: Math.max(...sightings.map((s) => s.score)),
      embeddings: accepted.length,
      meanEmbedding: accepted.length >= MIN_EMBEDDINGS ? mean : null,
      lowestMatch: mean ? Math.min(1, ...all.map((e) => compareEmbeddings(e, mean))) : 1,
      outliers: this.outliers,
      longestUnseen: longestUnseen(sightings),
      boxes: sightings.map(({ time, box }) => ({ time, ...box })),
    };
  }
}

function longestUnseen(sightings: readonly Sighting[]): number {
  let since = sightings[0]!.time;
  let longest = 0;
  for (const { time, embedding } of sightings) {
    longest = Math.max(longest, time - since);
    if (embedding) since = time;
  }
  return longest;
}

/** All tracks of a clip, fed picture by picture. Knows nothing of nets: the survey finds the faces. */
export class FaceTracks {
  private open: OpenTrack[] = [];
  private readonly done: OpenTrack[] = [];

  /** Tracks that may go on in a picture at this time. */
  active(time: number): readonly OpenTrack[] {
    const gone = this.open.filter((track) => time - track.last.time > MAX_GAP);
    this.open = this.open.filter((track) => !gone.includes(track));
    gone.forEach((track) => this.end(track));
    return [...this.open];
  }

  private end(track: OpenTrack): void {
    const strangers = track.takeSuspects();
    if (track.sightings.length > 0) this.done.push(track);
    if (strangers.length > 0) this.done.push(new OpenTrack(strangers));
  }

  /** A face in the place of a track. */
  extend(track: OpenTrack, sighting: Sighting): void {
    const strangers = track.add(sighting);
    if (strangers.length === 0) return;
    this.open = this.open.filter((other) => other !== track);
    this.end(track);
    this.open.push(new OpenTrack(strangers));
  }

  /** A face where no track is. */
  begin(sighting: Sighting): void {
    this.open.push(new OpenTrack([sighting]));
  }

  /** The active track in whose place a box lies. */
  findAt(box: Box, taken: ReadonlySet<OpenTrack>): OpenTrack | undefined {
    return this.open
      .filter((track) => !taken.has(track) && overlap(track.last.box, box) > SAME_PLACE)
      .sort((a, b) => overlap(b.last.box, box) - overlap(a.last.box, box))[0];
  }

  finish(): FaceTrack[] {
    this.active(Infinity);
    return this.done.map((track) => track.close()).sort((a, b) => a.firstTime - b.firstTime);
  }
}
