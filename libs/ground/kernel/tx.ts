import type { EntityManager } from 'typeorm';

declare const insideTransaction: unique symbol;

/**
 * Proof that a transaction is open. `audit.append(tx, …)`, `jobs.enqueue(tx, …)` and `consent.require(tx, …)` demand it, so the
 * compiler refuses an effect without its record (DESIGN rule 1). Only `Db.tx` makes one.
 */
export type Tx = EntityManager & { readonly [insideTransaction]: true };
