import { FACE_MATCH, MIN_EMBEDDINGS, type FaceSurvey, type FaceTrack, bandOf, compareEmbeddings } from '#inference';
import { FootageNotSubjectError, FootageQualityError } from './identity.errors.ts';

/** How one face track of the footage compares with the person in the consent clip. */
export interface TrackMatch {
  readonly first: number;
  readonly last: number;
  readonly detections: number;
  readonly score: number | null;
  readonly band: 'accept' | 'review' | 'refuse';
}

export interface SubjectMatch {
  readonly band: 'accept' | 'review' | 'refuse';
  /** Lowest over the tracks: one stranger is enough. */
  readonly score: number;
  readonly tracks: readonly TrackMatch[];
  readonly modelSha256: string;
}

/** Share of pictures that must show a face; below it, a replica would be made of guesses. */
const LEAST_SEEN = 0.8;
/** A face nobody checked for this long may have been anybody. */
const LONGEST_UNSEEN = 3;
/** More odd embeddings than this, and somebody else may have been shown for moments. */
const MOST_OUTLIERS = 0.1;
/** A face in fewer surveyed pictures than this is a false alarm of the detector, unless it is large; at 5 a second: 0.6 s. */
const LEAST_DETECTIONS = 3;

/** The one person of a consent clip. @throws FootageQualityError when there is none, more than one, or too little to recognise. */
export function requireOnePerson(survey: FaceSurvey, what: 'consent clip' | 'footage'): FaceTrack {
  const tracks = survey.tracks.filter((track) => track.detections >= LEAST_DETECTIONS);
  if (tracks.length === 0)
    throw quality(what, 'no-face', 'No face was found. Sit upright, look at the camera, and put a lamp in front of you.');
  if (survey.maxSimultaneousFaces > 1)
    throw quality(what, 'several-people', 'More than one face is in the picture. Record alone.');
  const seen = survey.framesWithFace / survey.frames;
  if (seen < LEAST_SEEN)
    throw quality(
      what,
      'face-often-missing',
      `A face is visible in only ${Math.round(seen * 100)} % of the pictures. Stay in the picture.`,
    );
  const main = tracks.reduce((a, b) => (b.detections > a.detections ? b : a));
  if (!main.meanEmbedding) {
    throw quality(
      what,
      'face-too-small-or-turned',
      `Fewer than ${MIN_EMBEDDINGS} clear frontal views were found. Come closer and face the camera.`,
    );
  }
  return main;
}

/**
 * Holds every face track of the footage against the person in the consent clip: per track and never per frame (DESIGN rule 14). All of
 * them must be the subject.
 */
export function matchSubject(consent: FaceSurvey, footage: FaceSurvey): SubjectMatch {
  const subject = requireOnePerson(consent, 'consent clip');
  requireOnePerson(footage, 'footage');
  const tracks = footage.tracks
    .filter((track) => track.detections >= LEAST_DETECTIONS)
    .map((track): TrackMatch => {
      const place = { first: track.firstTime, last: track.lastTime, detections: track.detections };
      // Too few views to say who this is: a person must look.
      if (!track.meanEmbedding) return { ...place, score: null, band: 'review' };
      const score = compareEmbeddings(subject.meanEmbedding!, track.meanEmbedding);
      const doubtful = track.longestUnseen > LONGEST_UNSEEN || track.outliers / Math.max(1, track.embeddings) > MOST_OUTLIERS;
      const band = bandOf(score);
      return { ...place, score, band: band === 'accept' && doubtful ? 'review' : band };
    });
  const order = ['accept', 'review', 'refuse'] as const;
  const band = order[Math.max(...tracks.map((track) => order.indexOf(track.band)))]!;
  const score = Math.min(...tracks.map((track) => track.score ?? 0));
  const modelSha256 = footage.models['face_embed_dlib'] ?? Object.values(footage.models)[0] ?? '';
  return { band, score, tracks, modelSha256 };
}

/** @throws FootageNotSubjectError unless every face is the subject. The review band has no reviewer yet, so it refuses too. */
export function requireSubject(match: SubjectMatch): void {
  if (match.band === 'accept') return;
  const members = { score: round(match.score), threshold: FACE_MATCH.accept, band: match.band };
  if (match.band === 'review') {
    throw new FootageNotSubjectError(
      'We are not sure that the footage shows the person who consented. Record it again in better light, facing the camera.',
      members,
    );
  }
  throw new FootageNotSubjectError(
    `The footage shows somebody else: likeness ${round(match.score)}, needed ${FACE_MATCH.accept}. Upload footage of the person in the consent clip.`,
    members,
  );
}

const round = (value: number): number => Math.round(value * 1000) / 1000;
const quality = (what: string, reason: string, advice: string): FootageQualityError =>
  new FootageQualityError(`The ${what}: ${advice}`, { reasons: [reason] });
