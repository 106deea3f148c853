import { DESIGNS } from './cast-designs.ts';
import type { CastMember } from './cast-member.ts';
import { UnknownCastMemberError } from './synthetic.errors.ts';

/** The designed cast. A seed is no new person to a face-embedding net: only these were checked to be told apart. */
export const CAST: readonly CastMember[] = DESIGNS;

/** Pairs that the identity check refuses with a margin: tests of impostors use these and no others. */
export const FAR_PAIRS: readonly (readonly [string, string])[] = [
  ['lucia', 'samuel'],
  ['amara', 'devi'],
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
