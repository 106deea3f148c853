import { join } from 'node:path';
import { encodeVideo } from '#media';
import { CAST, type CastMember, type ClipSpec, FAR_PAIRS, castBySeed, clipOf, renderClipParallel } from '#synthetic';
import type { MediaKit } from '#uploads';

export interface SyntheticPair {
  readonly subject: CastMember;
  /** Who is in the footage: the subject, or the impostor. */
  readonly inFootage: CastMember;
  readonly consentClip: string;
  readonly footage: string;
}

const CONSENT_SECONDS = 8;

/** Somebody whom the identity check tells apart from the subject with a margin; else the subject is replaced by one who has such a pair. */
export function impostorPair(seed: number): { subject: CastMember; impostor: CastMember } {
  const wanted = castBySeed(seed);
  const pair = FAR_PAIRS.find((ids) => ids.includes(wanted.id)) ?? FAR_PAIRS[Math.abs(seed) % FAR_PAIRS.length]!;
  const [first, second] = pair.includes(wanted.id) ? [wanted.id, pair.find((id) => id !== wanted.id)!] : pair;
  const member = (id: string): CastMember => CAST.find((one) => one.id === id)!;
  return { subject: member(first), impostor: member(second) };
}

/** Draws the two recordings of a person who does not exist: other light, background, motion and words in each. */
export async function makeSyntheticClips(options: {
  seed: number;
  seconds: number;
  impostor: boolean;
  folder: string;
  media: MediaKit;
  signal: AbortSignal;
  onProgress: (fraction: number) => void;
}): Promise<SyntheticPair> {
  const { seed, seconds, folder } = options;
  const far = options.impostor ? impostorPair(seed) : undefined;
  const subject = far?.subject ?? castBySeed(seed);
  const inFootage = far?.impostor ?? subject;
  const total = CONSENT_SECONDS + seconds;
  const consentClip = join(folder, 'consent-clip.mp4');
  const footage = join(folder, 'footage.mp4');
  await encodeClip(
    { castId: subject.id, seconds: CONSENT_SECONDS, take: 'consent' },
    consentClip,
    (s) => options.onProgress(s / total),
    options,
  );
  await encodeClip(
    { castId: inFootage.id, seconds, take: 'footage' },
    footage,
    (s) => options.onProgress((CONSENT_SECONDS + s) / total),
    options,
  );
  return { subject, inFootage, consentClip, footage };
}

async function encodeClip(
  spec: ClipSpec,
  out: string,
  onSeconds: (seconds: number) => void,
  { media, signal }: { media: MediaKit; signal: AbortSignal },
): Promise<void> {
  const clip = clipOf(spec);
  const pictures = renderClipParallel(spec, { threads: 2, signal });
  const frames = async function* (): AsyncIterable<Uint8Array> {
    for await (const frame of pictures) {
      onSeconds(frame.time);
      yield frame.data;
    }
  };
  await encodeVideo(
    {
      out,
      width: clip.size,
      height: clip.size,
      fps: clip.fps,
      frames: frames(),
      audio: clip.audio(),
      crf: 16,
      preset: 'veryfast',
      signal,
    },
    media.tools,
    media.sandbox,
  );
}
