import { DomainError } from '#kernel';

/** Something that a file is to be made from carries a manifest that does not hold: our signature must not cover for it. */
export class IngredientRefusedError extends DomainError {
  override readonly problem = {
    slug: 'ingredient-not-verifiable',
    status: 422,
    title: 'An ingredient carries a manifest that does not verify',
  } as const;
}
