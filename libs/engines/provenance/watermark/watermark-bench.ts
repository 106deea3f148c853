import type { BenchFigure, RgbFrame } from '#kernel';
import { addChangeReference } from './add-change.ts';
import { AUDIO } from './audio-layout.ts';
import { ChipLayout } from './chip-layout.ts';
import { detectAudioMark } from './detect-audio.ts';
import { detectVideoMark } from './detect-video.ts';
import { markAudio } from './mark-audio.ts';
import { codewordOf, newMarkId } from './mark-code.ts';
import { amplitudeFor, changeOf } from './residual.ts';
import { createVideoMarker } from './video-marker.ts';

/** CPU milliseconds of this process. */
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

async function cpuOf(work: () => unknown, times = 1): Promise<number> {
  const start = cpu();
  for (let i = 0; i < times; i++) await work();
  return (cpu() - start) / times;
}

const round = (value: number): number => Number(value.toPrecision(3));

/** What marking and reading cost in CPU time of one thread, and what a mark costs in decibels, at 256 and 512 pixels. */
export async function benchWatermark({ frames = 50, searchBudgetMs = 60_000 } = {}): Promise<BenchFigure[]> {
  const figures: BenchFigure[] = [];
  const key = crypto.getRandomValues(new Uint8Array(32));
  const id = newMarkId();
  for (const side of [256, 512]) {
    const picture = Uint8Array.from({ length: side * side * 3 }, (_, i) => 128 + 60 * Math.sin(i / 997));
    const marker = createVideoMarker({ key, id, width: side, height: side });
    const change = changeOf(new ChipLayout(key), codewordOf(id), side, side, amplitudeFor(side, side, 'master'));
    const power = change.reduce((sum, v) => sum + v * v, 0) / change.length;
    const reference = picture.slice();
    figures.push({
      name: `mark a frame of ${side} × ${side} (WASM SIMD)`,
      value: round(await cpuOf(() => marker.mark(picture), 4 * frames)),
      unit: 'CPU ms',
      peer: { name: 'TypeScript reference', value: round(await cpuOf(() => addChangeReference(reference, change), frames)) },
    });
    figures.push({ name: `mark at ${side} × ${side}, PSNR-Y`, value: round(10 * Math.log10(255 ** 2 / power)), unit: 'dB' });
    const clip: RgbFrame[] = Array.from({ length: frames }, (_, i) => {
      const data = picture.slice();
      marker.mark(data);
      return { width: side, height: side, data, time: i / 25 };
    });
    const read = await cpuOf(async () => {
      if ((await detectVideoMark(clip, [{ kid: 'bench', key }])).id !== id)
        throw new Error('the bench’s own mark is not read back');
    });
    figures.push({ name: `read ${frames} frames of ${side} × ${side}, as they are`, value: round(read), unit: 'CPU ms' });
    const strange = [{ kid: 'other', key: crypto.getRandomValues(new Uint8Array(32)) }];
    const search = await cpuOf(() => detectVideoMark(clip, strange, { cpuBudgetMs: searchBudgetMs }));
    figures.push({
      name: `search everything in ${frames} frames of ${side} × ${side}, nothing there`,
      value: round(search),
      unit: 'CPU ms',
    });
  }
  const sound = Float32Array.from({ length: 10 * AUDIO.sampleRate }, (_, i) => 0.2 * Math.sin(i / 9) * Math.sin(i / 4001) + 0.05 * Math.sin(i * i)); // prettier-ignore
  let marked: Float32Array = sound;
  figures.push({
    name: 'mark 10 s of sound',
    value: round(await cpuOf(() => (marked = markAudio(sound, key, id)))),
    unit: 'CPU ms',
  });
  figures.push({
    name: 'read 10 s of sound',
    value: round(await cpuOf(() => detectAudioMark(marked, [{ kid: 'bench', key }]))),
    unit: 'CPU ms',
  });
  return figures;
}
