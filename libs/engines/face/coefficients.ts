/**
 * The 52 expression coefficients that drive a head, by their ARKit names, in the order of the head asset (alphabetical).
 * `Left` and `Right` are the subject's. What each one means and how far it can be trusted: docs/coefficients.md.
 */
export const COEFFICIENTS = [
  'browDownLeft', 'browDownRight', 'browInnerUp', 'browOuterUpLeft', 'browOuterUpRight',
  'cheekPuff', 'cheekSquintLeft', 'cheekSquintRight',
  'eyeBlinkLeft', 'eyeBlinkRight', 'eyeLookDownLeft', 'eyeLookDownRight', 'eyeLookInLeft', 'eyeLookInRight',
  'eyeLookOutLeft', 'eyeLookOutRight', 'eyeLookUpLeft', 'eyeLookUpRight', 'eyeSquintLeft', 'eyeSquintRight',
  'eyeWideLeft', 'eyeWideRight',
  'jawForward', 'jawLeft', 'jawOpen', 'jawRight',
  'mouthClose', 'mouthDimpleLeft', 'mouthDimpleRight', 'mouthFrownLeft', 'mouthFrownRight', 'mouthFunnel', 'mouthLeft',
  'mouthLowerDownLeft', 'mouthLowerDownRight', 'mouthPressLeft', 'mouthPressRight', 'mouthPucker', 'mouthRight',
  'mouthRollLower', 'mouthRollUpper', 'mouthShrugLower', 'mouthShrugUpper', 'mouthSmileLeft', 'mouthSmileRight',
  'mouthStretchLeft', 'mouthStretchRight', 'mouthUpperUpLeft', 'mouthUpperUpRight',
  'noseSneerLeft', 'noseSneerRight', 'tongueOut',
] as const; // prettier-ignore

export type CoefficientName = (typeof COEFFICIENTS)[number];

/** 52. */
export const COEFFICIENT_COUNT = COEFFICIENTS.length;

const INDEX = new Map<string, number>(COEFFICIENTS.map((name, k) => [name, k]));

/** Place of a name in `COEFFICIENTS`; -1 for a name that is none of them. */
export const coefficientIndex = (name: string): number => INDEX.get(name) ?? -1;

/** Values by name as a vector in the order of `COEFFICIENTS`; what is not named is 0. */
export function coefficientsOf(values: Partial<Record<CoefficientName, number>>): Float32Array {
  const out = new Float32Array(COEFFICIENT_COUNT);
  for (const [name, value] of Object.entries(values)) out[coefficientIndex(name)] = value;
  return out;
}
