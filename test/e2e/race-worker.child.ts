import 'reflect-metadata';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { deserialize, serialize } from 'node:v8';
import type { Tx } from '#kernel';
import { PIPELINE, type TrainingContext, type TrainingStep } from '../../libs/features/training/training.pipeline.ts';

/*
 * The worker of apps/worker as it is built, whose pipeline can be held at a step: what the races need to meet it there and not a second
 * later. `{"holdAt": "fit", "kept": "/folder"}` on the command line:
 *
 * - holdAt: after the work of this step, says {"at": "fit"} and waits for a line on stdin. `seal` waits inside its transaction, with
 *   everything written and the consent's lock held. `seal-before`: at the door of that transaction.
 * - kept: the results of the three heavy steps are taken from there when they were made before, so that a job can be killed at each
 *   step without fitting each time. Everything else is the real thing.
 */
const { holdAt, kept } = JSON.parse(process.argv[2] ?? '{}') as { holdAt?: string; kept?: string };

const said = createInterface({ input: process.stdin });
async function hold(step: string): Promise<void> {
  if (step !== holdAt) return;
  const go = new Promise<void>((done) => said.once('line', () => done()));
  console.log(JSON.stringify({ at: step }));
  await go;
}

/** Files of the scratch folder and members of the context that a heavy step makes. */
const HEAVY: Readonly<Record<string, { files: readonly string[]; members: readonly (keyof TrainingContext)[] }>> = {
  frames: { files: [], members: ['surveys', 'crop'] },
  track: { files: ['frames.rgb', 'track.bin'], members: ['tracked'] },
  fit: { files: ['replica.bin', 'drive.json', 'card.png', 'evaluation.json', 'evaluation.png'], members: ['fitted'] },
};

async function withKept(step: TrainingStep, context: TrainingContext): Promise<void> {
  const heavy = HEAVY[step.name];
  if (heavy === undefined || !kept) return step.run(context);
  const folder = join(kept, step.name);
  const values = join(folder, 'members');
  if (existsSync(values)) {
    Object.assign(context, deserialize(await readFile(values)));
    for (const file of heavy.files) await copyFile(join(folder, file), join(context.scratch, file));
    return;
  }
  await step.run(context);
  await mkdir(folder, { recursive: true });
  for (const file of heavy.files) await copyFile(join(context.scratch, file), join(folder, file));
  await writeFile(values, serialize(Object.fromEntries(heavy.members.map((member) => [member, context[member]])))); // last: all or nothing
}

/** The same context, whose lease holds inside the transaction that ends the job. */
function holdingInside(context: TrainingContext): TrainingContext {
  const { lease } = context;
  const complete = lease.complete.bind(lease);
  lease.complete = (work: (tx: Tx) => Promise<void>) =>
    complete(async (tx) => {
      await work(tx);
      await hold('seal');
    });
  return context;
}

(PIPELINE as TrainingStep[]).splice(
  0,
  PIPELINE.length,
  ...PIPELINE.map((step) => ({
    ...step,
    async run(context: TrainingContext): Promise<void> {
      if (step.name !== 'seal') {
        await withKept(step, context);
        return hold(step.name);
      }
      await hold('seal-before');
      return step.run(holdingInside(context));
    },
  })),
);

await import('../../apps/worker/main.ts');
