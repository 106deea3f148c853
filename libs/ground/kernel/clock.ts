/** Wall time for records. Leases never use it: they live on the database's clock (DESIGN rule 2). */
export interface Clock {
  now(): Date;
}
export const systemClock: Clock = { now: () => new Date() };
