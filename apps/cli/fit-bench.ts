import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { benchFit } from '#gaussians';
import { surveyFaces, trackHead } from '#inference';
import { type BenchFigure, type RgbFrame, loadConfig } from '#kernel';
import { chooseSandbox, decodeFrames, findMediaTools, probeMedia, workingSize } from '#media';
import { UsageError } from './demo-options.ts';

const FPS = 25;
const TRACKED = 512;
const FITTED = 256;

/**
 * Measures tracking and fit on a clip, in memory. It keeps no model and renders nothing but its evaluation sheet (DESIGN rule 20):
 * there is no consent here, so there is no replica either.
 */
export async function fitBench(video: string | undefined): Promise<BenchFigure[]> {
  if (video === undefined) throw new UsageError('assent bench fit needs --video FILE.');
  const path = resolve(video);
  const config = loadConfig();
  const tools = await findMediaTools({ ffmpegPath: config.FFMPEG_PATH });
  const sandbox = chooseSandbox(config.ASSENT_SANDBOX);
  const probe = await probeMedia(path, tools, sandbox);
  const small = workingSize(probe.display, 640);
  const survey = await surveyFaces(decodeFrames(path, probe, { fps: 5, ...small }, tools, sandbox));
  if (!survey.headSquare) throw new UsageError('There is no face in this clip.');
  const scale = probe.display.width / survey.width;
  const crop = { x: survey.headSquare.x * scale, y: survey.headSquare.y * scale, size: survey.headSquare.size * scale };
  const large = decodeFrames(path, probe, { fps: FPS, crop, width: TRACKED, height: TRACKED }, tools, sandbox);
  const cpu = process.cpuUsage();
  const track = await trackHead(large, { fps: FPS, matteSize: FITTED });
  const { user, system } = process.cpuUsage(cpu);
  const frames: Uint8Array[] = [];
  for await (const frame of decodeFrames(
    path,
    probe,
    { fps: FPS, crop, width: FITTED, height: FITTED },
    tools,
    sandbox,
  ) as AsyncIterable<RgbFrame>)
    frames.push(frame.data);
  const { figures, sheet } = await benchFit(
    { size: FITTED, frames: frames.slice(0, track.frames.length), track },
    {},
    ({ stage, done, total }) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${stage} ${Math.round((100 * done) / total)} %`);
    },
  );
  await writeFile('bench-fit.png', sheet);
  console.error('Evaluation sheet: bench-fit.png (a picture of the person: treat it like the footage)');
  const perSecond = track.frames.length / ((user + system) / 1e6);
  return [
    {
      name: 'track-frames-per-cpu-second',
      value: Math.round(perSecond * 10) / 10,
      unit: 'frames/CPU-s',
      goal: '>= 60',
      ok: perSecond >= 60,
    },
    ...figures,
  ];
}
