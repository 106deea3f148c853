import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { ConsentService } from '#consent';
import { SubjectsService } from '#identity';
import type { Principal } from '#kernel';
import { Objects } from '#storage';

/** Something that has to happen by itself, again and again; safe to run in several processes at once. */
export interface Chore {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

const MINUTE = 60_000;
/** Sealed bytes that no row names are an orphan only when no job could still be writing them. */
const ORPHAN_AGE = 24 * 60 * MINUTE;

/** No state lasts without a deadline: what ends by the clock, and what a crash left half-done. */
export const chores = (app: INestApplicationContext): Chore[] => [
  { name: 'consents whose term is over', everyMs: MINUTE, run: () => app.get(ConsentService).expireDue() },
  { name: 'erasures that a crash left half-done', everyMs: 10 * MINUTE, run: () => finishErasures(app.get(SubjectsService)) },
  { name: 'objects that no row names', everyMs: 60 * MINUTE, run: () => app.get(Objects).sweepOrphans(ORPHAN_AGE) },
];

async function finishErasures(subjects: SubjectsService): Promise<void> {
  for (const { tenant_id: tenantId, id } of await subjects.erasing()) {
    const worker: Principal = { tenantId, actorId: 'worker', roles: ['system'] };
    await subjects.finishErasure(worker, id);
  }
}

/**
 * Runs every chore now and then again after its pause, until the signal fires. A fault of one is reported and neither ends it nor the
 * others.
 */
export function keepUp(list: readonly Chore[], signal: AbortSignal, onFault: (error: unknown) => void): Promise<void> {
  const one = async (chore: Chore): Promise<void> => {
    while (!signal.aborted) {
      await chore.run().catch(onFault);
      await sleep(chore.everyMs, undefined, { signal }).catch(ended);
    }
  };
  return Promise.all(list.map(one)).then(() => undefined);
}

function ended(error: unknown): void {
  if ((error as Error).name !== 'AbortError') throw error;
}
