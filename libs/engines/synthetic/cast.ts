import { DESIGNS } from './cast-designs.ts';
import type { CastMember } from './cast-member.ts';
import { UnknownCastMemberError } from './synthetic.errors.ts';

/** The designed cast. A seed is no new person to a face-embedding net: only these were checked to be told apart. */
export const CAST: readonly CastMember[] = DESIGNS;

/**
 * Pairs that the identity check refuses with a margin (largest cosine of two clip means at most .867; refused below .89): tests of
 * impostors use these and no others. Never amara and samuel (.966: the net takes them for one person).
 */
export const FAR_PAIRS: readonly (readonly [string, string])[] = [
  ['lucia', 'samuel'],
  ['greta', 'kenji'],
  ['kenji', 'samuel'],
  ['greta', 'samuel'],
  ['lucia', 'kenji'],
  ['amara', 'kenji'],
];

/** @throws UnknownCastMemberError */
export function getCastMember(id: string): CastMember {
  const member = CAST.find((m) => m.id === id);
  if (member) return member;
  throw new UnknownCastMemberError(`The cast has nobody called "${id}": choose one of ${CAST.map((m) => m.id).join(', ')}.`);
}

/** The person that a seed picks: the same one for the same seed; any integer. */
export function castBySeed(seed: number): CastMember {
  const n = CAST.length;
  return CAST[((Math.trunc(seed) % n) + n) % n];
}
