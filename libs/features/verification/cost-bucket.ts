import { isIPv6 } from 'node:net';

export interface CostLimits {
  /** Seconds of work that an address may have used up at once. */
  readonly capacity: number;
  /** Seconds of work that come back each second. */
  readonly refill: number;
}
/** Two minutes of work at once, then half of one core. */
export const COST_LIMITS: CostLimits = { capacity: 120, refill: 0.5 };
/** Addresses that are remembered; the longest unused are forgotten first, which only makes them richer. */
const MOST_ADDRESSES = 20_000;

interface Bucket {
  level: number;
  at: number;
}

/**
 * What each address may still cost, in seconds of our work. A request must find the bucket above zero; what it really cost is taken
 * when it is done and may bring it below, so that one heavy file is served and the next one waits. Requests at once are held by what
 * each reserves before it begins.
 */
export class CostBuckets {
  readonly #buckets = new Map<string, Bucket>();

  constructor(
    private readonly limits: CostLimits = COST_LIMITS,
    /** Seconds, never running backwards. */
    private readonly now: () => number = () => performance.now() / 1000,
  ) {}

  /** Seconds until this address may ask again; 0: now. */
  waitSeconds(address: string): number {
    const { level } = this.#of(address);
    return level > 0 ? 0 : (0.001 - level) / this.limits.refill;
  }

  /** Takes seconds of work from the address, or gives back what was reserved too much (negative). */
  charge(address: string, seconds: number): void {
    const bucket = this.#of(address);
    bucket.level = Math.min(this.limits.capacity, bucket.level - seconds);
  }

  #of(address: string): Bucket {
    const key = networkOf(address);
    const now = this.now();
    const bucket = this.#buckets.get(key) ?? { level: this.limits.capacity, at: now };
    bucket.level = Math.min(this.limits.capacity, bucket.level + (now - bucket.at) * this.limits.refill);
    bucket.at = now;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket); // newest last
    if (this.#buckets.size > MOST_ADDRESSES) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket;
  }
}

/** Whoever holds one IPv6 address holds its /64. Addresses of IPv4 in IPv6 clothes are IPv4. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...zeros, ...right].slice(0, 4).map((part) => parseInt(part, 16).toString(16)).join(':'); // prettier-ignore
}
