import { describe, expect, it } from 'vitest';
import { FACE_MATCH, type FaceSurvey, type FaceTrack } from '#inference';
import { FootageNotSubjectError, FootageQualityError } from './identity.errors.ts';
import { matchSubject, requireOnePerson, requireSubject } from './subject-match.ts';

/** A direction at a given cosine from the first axis: embeddings are compared by cosine and by nothing else. */
const at = (cosine: number): Float32Array => {
  const e = new Float32Array(128);
  e[0] = cosine;
  e[1] = Math.sqrt(1 - cosine * cosine);
  return e;
};
const track = (cosine: number, change: Partial<FaceTrack> = {}): FaceTrack => ({
  firstTime: 0, lastTime: 20, detections: 100, bestScore: 1, embeddings: 20, meanEmbedding: at(cosine), lowestMatch: 0.97, outliers: 0, longestUnseen: 0.4, boxes: [], ...change,
}); // prettier-ignore
const survey = (tracks: FaceTrack[], change: Partial<FaceSurvey> = {}): FaceSurvey => ({
  frames: 100, framesWithFace: 100, tracks, maxSimultaneousFaces: 1, headSquare: { x: 0, y: 0, size: 512 }, width: 640, height: 640, models: { face_embed_dlib: 'a'.repeat(64) }, ...change,
}); // prettier-ignore
const consent = survey([track(1)]);

describe('the match gate', () => {
  it('accepts the same person', () => {
    const match = matchSubject(consent, survey([track(0.98)]));
    expect(match.band).toBe('accept');
    expect(() => requireSubject(match)).not.toThrow();
  });

  it('refuses somebody else with figure and threshold', () => {
    const match = matchSubject(consent, survey([track(0.8)]));
    expect(match.band).toBe('refuse');
    expect(() => requireSubject(match)).toThrow(FootageNotSubjectError);
    expect(() => requireSubject(match)).toThrow(/0\.8.*0\.917/);
  });

  it('does not let the review band through while there is no reviewer', () => {
    const match = matchSubject(consent, survey([track((FACE_MATCH.accept + FACE_MATCH.refuse) / 2)]));
    expect(match.band).toBe('review');
    expect(() => requireSubject(match)).toThrow(FootageNotSubjectError);
  });

  it('needs every face track to be the subject: one stranger for two seconds is enough', () => {
    const match = matchSubject(consent, survey([track(0.98), track(0.8, { firstTime: 20, lastTime: 22, detections: 10 })]));
    expect(match.band).toBe('refuse');
  });

  it.each([
    ['nobody could be recognised in a track', { meanEmbedding: null, embeddings: 2 }],
    ['nobody was checked for long', { longestUnseen: 10 }],
    ['somebody else may have been shown for moments', { outliers: 5 }],
  ])('does not accept where %s', (_what, change) => {
    expect(matchSubject(consent, survey([track(0.98), track(0.98, change)])).band).toBe('review');
  });

  it.each([
    ['no face', survey([]), 'no-face'],
    ['two people at once', survey([track(0.98), track(0.9)], { maxSimultaneousFaces: 2 }), 'several-people'],
    ['a face that is often away', survey([track(0.98)], { framesWithFace: 50 }), 'face-often-missing'],
    ['too few clear views', survey([track(0.98, { meanEmbedding: null })]), 'face-too-small-or-turned'],
  ])('refuses footage with %s, saying what to change', (_what, footage, reason) => {
    try {
      requireOnePerson(footage, 'footage');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FootageQualityError);
      expect((error as FootageQualityError).members).toEqual({ reasons: [reason] });
    }
  });
});
