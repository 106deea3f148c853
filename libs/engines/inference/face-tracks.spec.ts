import { describe, expect, it } from 'vitest';
import { bandOf, FACE_MATCH } from './face-match.ts';
import { FaceTracks, type FaceTrack, MIN_EMBEDDINGS } from './face-tracks.ts';
import { compareEmbeddings, meanEmbedding, normalised } from './embedding.ts';

/** A person's embedding: two people have a cosine of about .8, one person's pictures about .98. */
function looks(person: number, picture: number): Float32Array {
  const v = new Float32Array(128).fill(1);
  for (let i = 0; i < 128; i++) {
    v[i] = v[i]! + 0.5 * Math.sign(Math.sin(7.1 * person * (i + 1))) + 0.15 * Math.sin(3.3 * (picture + 1) * (i + 2));
  }
  return normalised(v);
}

const box = { x: 100, y: 80, width: 120, height: 140 };
interface Seen {
  readonly who: number | null;
  readonly at?: typeof box;
}

/** One face per picture, five pictures a second, an embedding whenever the track wants one. */
function follow(pictures: readonly (Seen | null)[]): FaceTrack[] {
  const tracks = new FaceTracks();
  pictures.forEach((seen, n) => {
    const time = n / 5;
    tracks.active(time);
    if (!seen) return;
    const place = seen.at ?? box;
    const track = tracks.findAt(place, new Set());
    const embedding = seen.who !== null && (track?.wantsEmbedding ?? true) ? looks(seen.who, n) : null;
    const sighting = { time, box: place, score: 0.9, points: new Float32Array(3), embedding };
    if (track) tracks.extend(track, sighting);
    else tracks.begin(sighting);
  });
  return tracks.finish();
}

const person = (who: number | null, pictures: number): Seen[] => Array.from({ length: pictures }, () => ({ who }));

describe('face tracks', () => {
  it('the test’s people differ as people do', () => {
    expect(compareEmbeddings(looks(1, 0), looks(2, 0))).toBeLessThan(FACE_MATCH.refuse);
    expect(compareEmbeddings(looks(1, 0), looks(1, 9))).toBeGreaterThan(FACE_MATCH.accept);
  });

  it('one person is one track with a mean of length 1', () => {
    const [track, ...others] = follow(person(1, 30));
    expect(others).toEqual([]);
    expect(track).toMatchObject({ detections: 30, firstTime: 0, outliers: 0 });
    expect(track!.embeddings).toBeGreaterThanOrEqual(15);
    expect(Math.hypot(...track!.meanEmbedding!)).toBeCloseTo(1, 5);
    expect(track!.lowestMatch).toBeGreaterThan(FACE_MATCH.accept);
    expect(track!.longestUnseen).toBeLessThanOrEqual(0.41);
  });

  it('a swap in the same place begins a new track with the other person’s mean', () => {
    const tracks = follow([...person(1, 20), ...person(2, 20)]);
    expect(tracks).toHaveLength(2);
    const [before, after] = tracks as [FaceTrack, FaceTrack];
    expect(compareEmbeddings(before.meanEmbedding!, looks(1, 99))).toBeGreaterThan(FACE_MATCH.accept);
    expect(compareEmbeddings(after.meanEmbedding!, looks(2, 99))).toBeGreaterThan(FACE_MATCH.accept);
    expect(bandOf(compareEmbeddings(before.meanEmbedding!, after.meanEmbedding!))).toBe('refuse');
    // every sighting of the stranger is his, also those before the swap was certain
    expect(after.firstTime).toBeLessThanOrEqual(20 / 5);
    expect(before.detections + after.detections).toBe(40);
  });

  it('a swap between two embeddings takes the unchecked picture along', () => {
    // twenty-first picture: no embedding is due, and it already shows the other person
    for (const pictures of [20, 21, 22, 23]) {
      const [, after] = follow([...person(1, pictures), ...person(2, 20)]) as [FaceTrack, FaceTrack];
      expect(after.firstTime).toBeLessThanOrEqual(pictures / 5);
    }
  });

  it('a swap back gives three tracks', () => {
    expect(follow([...person(1, 20), ...person(2, 15), ...person(1, 20)])).toHaveLength(3);
  });

  it('a swap in the last picture is not credited to the person', () => {
    const tracks = follow([...person(1, 21), ...person(2, 2)]);
    expect(tracks).toHaveLength(2);
    expect(tracks[1]!.meanEmbedding).toBeNull();
  });

  it('one odd picture stays in the track, out of its mean, and is counted', () => {
    const tracks = follow([...person(1, 20), { who: 2 }, ...person(1, 10)]);
    expect(tracks).toHaveLength(1);
    expect(tracks[0]!.outliers).toBeLessThanOrEqual(1);
    if (tracks[0]!.outliers === 1) expect(tracks[0]!.lowestMatch).toBeLessThan(FACE_MATCH.refuse);
  });

  it('too few embeddings decide nothing', () => {
    expect(follow(person(1, MIN_EMBEDDINGS - 1))[0]!.meanEmbedding).toBeNull();
    expect(follow(person(1, MIN_EMBEDDINGS))[0]!.meanEmbedding).not.toBeNull();
  });

  it('a stretch in which nobody was checked is reported', () => {
    const [track] = follow([...person(1, 10), ...person(null, 20), ...person(1, 10)]);
    expect(track!.longestUnseen).toBeGreaterThan(3.9);
  });

  it('a loss of more than a second, and a jump to another place, begin a new track', () => {
    expect(follow([...person(1, 10), null, null, null, ...person(1, 10)])).toHaveLength(1);
    expect(follow([...person(1, 10), ...Array.from({ length: 7 }, () => null), ...person(1, 10)])).toHaveLength(2);
    const far = { x: 400, y: 80, width: 120, height: 140 };
    expect(follow([...person(1, 10), ...Array.from({ length: 10 }, () => ({ who: 1, at: far }))])).toHaveLength(2);
  });
});

describe('bands', () => {
  it('accept, review, refuse; NaN is refused', () => {
    expect(bandOf(0.99)).toBe('accept');
    expect(bandOf(FACE_MATCH.accept)).toBe('accept');
    expect(bandOf(0.9)).toBe('review');
    expect(bandOf(FACE_MATCH.refuse - 1e-6)).toBe('refuse');
    expect(bandOf(Number.NaN)).toBe('refuse');
  });

  it('the mean of embeddings has length 1 and lies among them', () => {
    const all = [0, 1, 2, 3].map((n) => looks(1, n));
    const mean = meanEmbedding(all);
    expect(Math.hypot(...mean)).toBeCloseTo(1, 5);
    for (const e of all) expect(compareEmbeddings(e, mean)).toBeGreaterThan(0.95);
  });
});
