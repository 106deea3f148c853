/**
 * Cosine bands for a mean of at least five embeddings against another. Set from research figures, not from a validated population:
 * - 0.917 gave 0.1 % false accepts and 96.0 % true accepts on 530 genuine and 9,200 impostor pairs of single photographs of public
 *   figures (18 identities, 15 men); on our synthetic cast, means of one clip each, genuine pairs score at least 0.989 and impostors
 *   at most 0.906.
 * - Under 0.89 nobody genuine was seen on clip means; between the two a person decides.
 * No claim holds across skin tones, ages or cameras until it is measured on consented footage.
 */
export const FACE_MATCH = { accept: 0.917, refuse: 0.89 } as const;

export type MatchBand = 'accept' | 'review' | 'refuse';

/** Which band a cosine falls into. Anything that is not a number is refused. */
export function bandOf(score: number): MatchBand {
  if (score >= FACE_MATCH.accept) return 'accept';
  return score >= FACE_MATCH.refuse ? 'review' : 'refuse';
}
