import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#kernel';
import { chooseSandbox, encodeVideo, findMediaTools } from '#media';
import { type ClipSpec, clipOf, renderClipParallel } from '#synthetic';

/**
 * A recording of a person who does not exist, as a file that lasts over test runs: drawing costs 0.1 CPU-s a frame. The name holds a
 * digest of the code that draws, so that a change of it draws anew.
 */
export async function syntheticClip(spec: ClipSpec): Promise<string> {
  const folder = join(packageRoot(), 'test-output/clips');
  mkdirSync(folder, { recursive: true });
  const room = join(packageRoot(), 'libs/engines/synthetic');
  const hash = createHash('sha256').update(JSON.stringify(spec));
  for (const file of readdirSync(room).toSorted()) if (!file.includes('.spec.')) hash.update(readFileSync(join(room, file)));
  const path = join(folder, `${spec.castId}-${spec.take}-${hash.digest('hex').slice(0, 12)}.mp4`);
  if (existsSync(path)) return path;
  const clip = clipOf(spec);
  const frames = async function* (): AsyncIterable<Uint8Array> {
    for await (const frame of renderClipParallel(spec, { threads: 2 })) yield frame.data;
  };
  // Two test files may draw the same clip at once: each its own file, and the last name wins.
  const drawn = `${path}.${process.pid}.mp4`;
  const { size: width, size: height, fps } = clip;
  await encodeVideo(
    { out: drawn, width, height, fps, frames: frames(), audio: clip.audio(), crf: 18, preset: 'veryfast' },
    await findMediaTools(),
    chooseSandbox(),
  );
  renameSync(drawn, path);
  return path;
}
