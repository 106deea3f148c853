/**
 * One tab at a time holds the capture of a consent. The server decides in the end (409 capture-in-progress); this keeps a second tab of
 * the same browser from picking up the first one's kept take, and tells the first one at once when the second takes over.
 */
export class TabLock {
  #release: (() => void) | undefined;

  constructor(
    private readonly consentId: string,
    private readonly onTaken: () => void,
  ) {}

  /** False: another tab of this browser holds it. Browsers without locks leave it to the server. */
  async hold(steal = false): Promise<boolean> {
    if (this.#release) return true;
    const locks = (navigator as { locks?: LockManager }).locks;
    if (!locks) return true;
    return await new Promise<boolean>((resolve) => {
      const until = new Promise<void>((release) => (this.#release = release));
      const asked = locks.request(`assent-${this.consentId}`, steal ? { steal } : { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) this.#release = undefined;
        return lock === null ? undefined : until;
      });
      // Rejected only when another tab steals it.
      asked.catch(() => {
        this.#release = undefined;
        this.onTaken();
      });
    });
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
