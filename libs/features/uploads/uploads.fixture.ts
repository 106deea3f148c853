import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Audit } from '#audit';
import type { Db } from '#db';
import { type Principal, newId } from '#kernel';
import { KeyStore } from '#keys';
import { chooseSandbox, findMediaTools } from '#media';
import { JobWorker, Jobs } from '#queue';
import { FilesystemStore, Objects, Scratch } from '#storage';
import { MediaKit } from './media-kit.ts';
import { UploadCheck, UploadDiscard } from './upload-check.ts';
import { UploadSessions } from './upload-sessions.ts';
import { UploadsService } from './uploads.service.ts';

export const OPERATOR: Principal = { tenantId: 'acme', actorId: 'test', roles: ['operator'], requestId: 'request-0001' };

/** The room on a real database and a real folder, with a worker that runs its jobs when told. */
export async function uploadRoom(db: Db, home: string, options: ConstructorParameters<typeof UploadSessions>[3] = {}) {
  const keys = await KeyStore.open(join(home, 'keys'));
  const objects = new Objects(db, keys, new FilesystemStore(join(home, 'objects')));
  const scratch = new Scratch(join(home, 'scratch'));
  const audit = new Audit();
  const jobs = new Jobs(db);
  const media = new MediaKit(await findMediaTools(), chooseSandbox());
  const uploads = new UploadsService(db, audit, objects, media);
  const deps = { db, audit, jobs, objects, scratch, uploads };
  const faults: unknown[] = [];
  const worker = new JobWorker(jobs, [new UploadCheck(deps), new UploadDiscard(deps)], undefined, {
    workerId: 'test',
    onFault: (error) => void faults.push(error),
  });
  return {
    db, home, keys, objects, jobs, uploads, worker, faults, media,
    sessions: new UploadSessions(db, jobs, objects, options),
    /** Another process on the same database and folder. */
    otherProcess: () => new UploadSessions(db, jobs, objects, options),
    async person(tenantId = 'acme'): Promise<string> {
      const id = newId();
      await keys.createSubjectKey(tenantId, id);
      await db.query(`INSERT INTO subjects (id, tenant_id, state) VALUES ($1, $2, 'active')`, [id, tenantId]);
      return id;
    },
    async events(kind: string): Promise<Record<string, unknown>[]> {
      const found = await db.query<{ data: Record<string, unknown> }>(
        `SELECT event -> 'data' AS data FROM audit_outbox WHERE event ->> 'kind' = $1 ORDER BY seq`, [kind]);
      return found.map(({ data }) => data);
    },
    /** Every file below the home that is not a key. */
    files: (): string[] =>
      readdirSync(home, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.includes('/keys'))
        .map((entry) => join(entry.parentPath, entry.name)),
    holdsPlain(plain: Buffer): boolean {
      return this.files().some((path) => readFileSync(path).includes(plain));
    },
    /** A clip that the probe takes: a moving test picture with a tone. */
    clip(seconds: number): Buffer {
      const path = join(home, `clip-${seconds}.mp4`);
      execFileSync(media.tools.ffmpeg, ['-v', 'error', '-y', '-f', 'lavfi', '-i', `testsrc=s=160x120:r=10:d=${seconds}`, '-f', 'lavfi',
        '-i', `sine=d=${seconds}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-c:a', 'aac', '-shortest', path]);
      const bytes = readFileSync(path);
      execFileSync('rm', [path]);
      return bytes;
    },
  }; // prettier-ignore
}
export type UploadRoom = Awaited<ReturnType<typeof uploadRoom>>;

/** A socket that gives `bytes` in pieces and then, if told, breaks as Node's does. */
export async function* socket(bytes: Uint8Array, pieceBytes: number, breaksAt = Infinity): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length && at < breaksAt; at += pieceBytes) {
    await Promise.resolve();
    yield bytes.subarray(at, Math.min(at + pieceBytes, breaksAt));
  }
  if (breaksAt < bytes.length) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}
