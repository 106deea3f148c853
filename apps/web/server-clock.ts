/** The server's time, told by a browser whose own clock may be a day wrong (case LE-02). */
export class ServerClock {
  #ahead = 0;

  /** @param serverTime ISO 8601, from an answer that arrived just now; its travel time is the error that remains. */
  set(serverTime: string): void {
    const instant = Date.parse(serverTime);
    if (Number.isFinite(instant)) this.#ahead = instant - Date.now();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** Seconds until an instant, never below 0. */
  secondsUntil(instant: number): number {
    return Math.max(0, Math.ceil((instant - this.now()) / 1000));
  }
}

/** The day and minute at which a term ends, where the person is, with the zone's name beside it. */
export function localInstant(instant: string, zone: string, language: string): string {
  const format = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short', timeZone: zone });
  return `${format.format(new Date(instant))} (${zone})`;
}
