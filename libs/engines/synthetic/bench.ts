import type { BenchFigure } from '#kernel';
import { FAR_PAIRS } from './cast.ts';
import { recordClip, SIDE } from './clip.ts';
import { createPerson } from './person.ts';

/** CPU milliseconds per picture of one thread, 512 × 512, with truth. */
export function benchSynthetic({ frames = 50, castId = FAR_PAIRS[0][0] } = {}): Promise<BenchFigure[]> {
  const clip = recordClip(createPerson(castId), { seconds: 10, take: 'footage' });
  for (let i = 0; i < 10; i++) clip.frameAt(i);
  const before = process.cpuUsage();
  for (let i = 0; i < frames; i++) clip.frameAt((i * 5) % clip.frameCount);
  const { user, system } = process.cpuUsage(before);
  const value = (user + system) / 1000 / frames;
  return Promise.resolve([
    { name: `synthetic subject, ${SIDE} px, ${castId}`, value, unit: 'CPU-ms/frame', goal: '<= 60', ok: value <= 60 },
  ]);
}
