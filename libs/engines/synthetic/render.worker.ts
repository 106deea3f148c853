import { parentPort, workerData } from 'node:worker_threads';
import { clipOf, type ClipSpec } from './clip.ts';

// One clip per worker: the person is built once, then frames are drawn by number in whatever order they are asked for.
const clip = clipOf(workerData as ClipSpec);
parentPort!.on('message', (index: number) => {
  const { rgb, time } = clip.frameAt(index);
  parentPort!.postMessage({ index, rgb, time }, [rgb.buffer as ArrayBuffer]);
});
