/** Why there is no picture. The slug stands on the page, with the way out beside it. */
export class CameraProblem extends Error {
  constructor(readonly slug: 'camera-denied' | 'camera-missing' | 'camera-busy' | 'camera-unsupported') {
    super(slug);
  }
}

/** VGA is enough for the match, and 600 kbit/s still goes over a slow line while it is recorded. */
const WANTED: MediaStreamConstraints = {
  video: { facingMode: 'user', width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 25 } },
  audio: { echoCancellation: true, noiseSuppression: true },
};
export const BITS_PER_SECOND = { videoBitsPerSecond: 600_000, audioBitsPerSecond: 48_000 };

/** Hardware first: a phone that must encode VP9 by itself drops pictures. Safari records MP4 only. */
const CONTAINERS = ['video/mp4;codecs=avc1.42E01E,mp4a.40.2', 'video/webm;codecs=vp9,opus', 'video/webm', 'video/mp4'];

/** What this browser records, or undefined. The server probes the bytes and never trusts the name. */
export const chooseContainer = (supports: (type: string) => boolean): string | undefined => CONTAINERS.find(supports);

const name = (error: unknown): string => (error as Error).name;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Ask = (constraints: MediaStreamConstraints) => Promise<MediaStream>;

/**
 * Asks for camera and microphone (case CA-01). A busy camera gets one second chance; a constraint that no camera meets is dropped;
 * everything else is said by its name. The caller has stopped every track of its own before: two streams at once make phones refuse.
 */
export async function openCamera(ask: Ask | undefined, canRecord: boolean, wait = pause): Promise<MediaStream> {
  if (!ask || !canRecord) throw new CameraProblem('camera-unsupported');
  try {
    return await ask(WANTED);
  } catch (error) {
    if (name(error) === 'OverconstrainedError') return await lastTry(ask, { video: true, audio: true });
    if (isBusy(error)) {
      await wait(800);
      return await lastTry(ask, WANTED);
    }
    throw problemFor(error);
  }
}

async function lastTry(ask: Ask, constraints: MediaStreamConstraints): Promise<MediaStream> {
  try {
    return await ask(constraints);
  } catch (error) {
    throw problemFor(error);
  }
}

const isBusy = (error: unknown): boolean => ['NotReadableError', 'AbortError'].includes(name(error));

function problemFor(error: unknown): CameraProblem {
  if (isBusy(error)) return new CameraProblem('camera-busy');
  if (name(error) === 'NotAllowedError') return new CameraProblem('camera-denied');
  return new CameraProblem(name(error) === 'NotFoundError' ? 'camera-missing' : 'camera-unsupported');
}

export function stopStream(stream: MediaStream | undefined): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
