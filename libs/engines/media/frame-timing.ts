/** One packet of the video stream as ffprobe prints it: seconds, undefined where the container is silent. */
export interface PacketTime {
  readonly time: number;
  readonly duration?: number;
}

/** When pictures are shown. Derived from the packets: headers of live recordings say nothing or lie (FT-06). */
export interface FrameTiming {
  /** Presentation time of the first picture on the container's clock, seconds: the zero of our own clock. */
  readonly origin: number;
  /** From the first picture to the end of the last one, seconds. */
  readonly duration: number;
  /** Start of the last picture after the origin, seconds. */
  readonly lastFrameTime: number;
  readonly frames: number;
  readonly variableFrameRate: boolean;
  /** Pictures per second: mean, and the slowest and fastest single step. */
  readonly frameRate: { readonly mean: number; readonly min: number; readonly max: number };
}

/**
 * A container that counts milliseconds writes 33, 33, 34: two of its ticks are no change of rate, and neither is a tenth of a
 * picture at low rates.
 */
const JITTER_SECONDS = 0.002;
const JITTER_SHARE = 0.1;

/** @returns undefined when no picture is shown at all. Order of the packets does not matter (B pictures). */
export function frameTiming(packets: readonly PacketTime[]): FrameTiming | undefined {
  const shown = packets.toSorted((a, b) => a.time - b.time);
  const first = shown[0];
  const last = shown.at(-1);
  if (!first || !last) return undefined;
  const steps = shown.slice(1).map((packet, i) => packet.time - shown[i]!.time).filter((step) => step > 1e-6); // prettier-ignore
  const span = last.time - first.time;
  const usual = steps.length > 0 ? steps.toSorted((a, b) => a - b)[steps.length >> 1]! : 0.04;
  const tail = last.duration && last.duration > 0 ? last.duration : usual;
  const duration = span + tail;
  const meanStep = steps.length > 0 ? span / steps.length : tail;
  const slack = Math.max(JITTER_SECONDS, meanStep * JITTER_SHARE);
  let slowest = meanStep;
  let fastest = meanStep;
  for (const step of steps) {
    if (step > slowest) slowest = step;
    if (step < fastest) fastest = step;
  }
  return {
    origin: first.time,
    duration,
    lastFrameTime: span,
    frames: shown.length,
    variableFrameRate: slowest - meanStep > slack || meanStep - fastest > slack,
    frameRate: { mean: shown.length / duration, min: 1 / slowest, max: 1 / fastest },
  };
}

/** Reads `pts,duration,flags` lines; packets that an edit list hides (flag D) are not shown. */
export function parsePackets(csv: string): PacketTime[] {
  const packets: PacketTime[] = [];
  for (const line of csv.split('\n')) {
    const [pts, duration, flags = ''] = line.split(',');
    const time = Number(pts);
    if (!pts || !Number.isFinite(time) || flags.includes('D')) continue;
    const seconds = Number(duration);
    packets.push(Number.isFinite(seconds) && seconds > 0 ? { time, duration: seconds } : { time });
  }
  return packets;
}
