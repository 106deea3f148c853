import type { Shape } from './expression.ts';
import type { LookDesign } from './look.ts';

/** Somebody who does not exist. */
export interface CastMember {
  readonly id: string;
  /** A given name only: nobody's. */
  readonly name: string;
  readonly sex: 'female' | 'male';
  readonly ageBand: string;
  readonly description: string;
  /** A person looked at the rendered face and saw an adult; a search once made one look like a child. */
  readonly reviewedAdult: true;
  readonly design: { readonly shape: Shape; readonly look: LookDesign };
}
