/** A process that ran this long is well again. */
const HEALTHY_MS = 60_000;
const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** How long to wait before a process that ended by itself is started again: doubling, forgotten after a healthy minute. */
export class BackOff {
  #failures = 0;

  /** @param ranMs how long the process had run */
  next(ranMs: number): number {
    if (ranMs >= HEALTHY_MS) this.#failures = 0;
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#failures++);
  }
}
