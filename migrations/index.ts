/** Forward-only, in order. A migration that has landed is never edited. */
export const migrations: (new () => object)[] = [];
