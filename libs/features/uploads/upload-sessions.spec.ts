import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Principal, NotFoundError, StateConflictError, newId } from '#kernel';
import { ErasedError } from '#keys';
import { ObjectCorruptError } from '#storage';
import { type TestDatabase, temporaryHome, testDatabase } from '#testing';
import {
  UploadExpiredError,
  UploadInterruptedError,
  UploadLengthError,
  UploadNotReadyError,
  UploadOffsetConflictError,
  UploadRefusedError,
  UploadTooLargeError,
  UploadsUnderWayError,
} from './uploads.errors.ts';
import { OPERATOR, type UploadRoom, socket, uploadRoom } from './uploads.fixture.ts';

let t: TestDatabase;
let place: Awaited<ReturnType<typeof temporaryHome>>;
let room: UploadRoom;
beforeAll(async () => {
  t = await testDatabase();
  place = await temporaryHome();
  room = await uploadRoom(t.db, place.home, { pieceBytes: 4096, maxBytes: 1_000_000 });
});
afterAll(async () => {
  await t.close();
  await place.remove();
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const create = async (length?: number, more: object = {}): Promise<string> => {
  const input = {
    kind: 'footage' as const,
    subjectId: await room.person(),
    ...(length === undefined ? {} : { length }),
    ...more,
  };
  return (await room.sessions.create(OPERATOR, input)).id;
};
const send = (id: string, bytes: Uint8Array, offset: number, breaksAt?: number) =>
  room.sessions.receive(OPERATOR, id, { offset, body: socket(bytes.subarray(offset), 1000, breaksAt) });
const standsAt = async (id: string): Promise<number> => (await room.uploads.view(OPERATOR, id)).offset;
async function arrived(id: string): Promise<Buffer> {
  const session = await room.sessions.get(OPERATOR, id);
  const scope = { tenantId: session.tenant_id, subjectId: session.subject_id, uploadId: id };
  const parts: Uint8Array[] = [];
  for await (const part of room.objects.segments.read(scope, session.wrapped_key)) parts.push(part);
  return Buffer.concat(parts);
}

describe('an upload that is cut', () => {
  it('at any byte, any number of times: goes on from the offset that HEAD tells, to the same SHA-256, and nothing is sent twice', async () => {
    let resent = 0;
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20_000 }), fc.array(fc.nat(20_000), { maxLength: 5 }), async (length, cuts) => {
        const bytes = randomBytes(length);
        const id = await create(length);
        for (const cut of cuts) {
          const offset = await standsAt(id);
          if (offset + cut >= length) continue;
          await expect(send(id, bytes, offset, cut)).rejects.toBeInstanceOf(UploadInterruptedError);
          resent += offset + cut - (await standsAt(id));
          sent += cut;
        }
        const offset = await standsAt(id);
        await send(id, bytes, offset);
        sent += length - offset;
        expect(sha256(await arrived(id))).toBe(sha256(bytes));
        expect((await room.sessions.get(OPERATOR, id)).state).toBe('checking');
      }),
      { numRuns: 25 },
    );
    expect(sent).toBeGreaterThan(0);
    expect(resent).toBe(0);
  });

  it('by a kill -9 in the middle of a request: loses at most one piece, and another process goes on', async () => {
    const bytes = randomBytes(30_000);
    const id = await create(bytes.length);
    // A request that never comes back: what a killed process leaves.
    const hanging = (async function* () {
      yield* socket(bytes.subarray(0, 11_000), 1000);
      await new Promise(() => undefined);
    })();
    void room.sessions.receive(OPERATOR, id, { offset: 0, body: hanging });
    while ((await standsAt(id)) < 8000) await new Promise((done) => setTimeout(done, 5));
    const offset = await standsAt(id);
    expect(11_000 - offset).toBeLessThan(4096);
    await room.otherProcess().receive(OPERATOR, id, { offset, body: socket(bytes.subarray(offset), 1000) });
    expect(sha256(await arrived(id))).toBe(sha256(bytes));
  });

  it('leaves no plain byte on the disk at any time', async () => {
    const bytes = Buffer.from('a plain sentence of a person '.repeat(400));
    const id = await create(bytes.length);
    await expect(send(id, bytes, 0, 9000)).rejects.toBeInstanceOf(UploadInterruptedError);
    expect(room.files().length).toBeGreaterThan(0);
    expect(room.holdsPlain(bytes.subarray(0, 24))).toBe(false);
  });
});

describe('a wrong offset (case UP-01)', () => {
  it.each([-1, +1])('%i byte beside the truth: 409, no byte changed, and HEAD tells the truth', async (by) => {
    const bytes = randomBytes(9000);
    const id = await create(bytes.length);
    await expect(send(id, bytes, 0, 5000)).rejects.toBeInstanceOf(UploadInterruptedError);
    const conflict = room.sessions.receive(OPERATOR, id, { offset: 5000 + by, body: socket(bytes.subarray(5000 + by), 1000) });
    await expect(conflict).rejects.toMatchObject({ problem: { status: 409 }, members: { offset: 5000 } });
    expect(await standsAt(id)).toBe(5000);
    expect((await arrived(id)).equals(bytes.subarray(0, 5000))).toBe(true);
    await send(id, bytes, 5000);
    expect(sha256(await arrived(id))).toBe(sha256(bytes));
  });

  it('two writers at one offset: each step has one winner, the other hears where the upload stands, and the bytes are whole', async () => {
    const bytes = randomBytes(40_000);
    const id = await create(bytes.length);
    const outcomes = await Promise.allSettled([send(id, bytes, 0), send(id, bytes, 0), send(id, bytes, 0)]);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(UploadOffsetConflictError);
    while ((await standsAt(id)) < bytes.length) await send(id, bytes, await standsAt(id));
    expect(sha256(await arrived(id))).toBe(sha256(bytes));
    await room.objects.segments.remove('acme', id);
    expect(room.files().some((path) => path.includes(id))).toBe(false);
  });

  it('the same bytes for two people are two uploads, each under its own key', async () => {
    const bytes = randomBytes(5000);
    const [one, two] = [await create(bytes.length), await create(bytes.length)];
    await Promise.all([send(one, bytes, 0), send(two, bytes, 0)]);
    expect(one).not.toBe(two);
    expect((await arrived(one)).equals(await arrived(two))).toBe(true);
    const first = await room.sessions.get(OPERATOR, one);
    await room.keys.destroySubjectKey('acme', first.subject_id);
    await expect(arrived(one)).rejects.toBeInstanceOf(ErasedError);
    expect((await arrived(two)).equals(bytes)).toBe(true);
  });
});

describe('lengths', () => {
  it('more than the limit is refused before a byte is taken', async () => {
    await expect(create(1_000_001)).rejects.toBeInstanceOf(UploadTooLargeError);
  });

  it('a deferred length ends at the limit too', async () => {
    const id = await create();
    await expect(send(id, Buffer.alloc(1_000_500), 0)).rejects.toBeInstanceOf(UploadTooLargeError);
  });

  it('more bytes than announced: refused, and the upload is not taken for complete', async () => {
    const id = await create(3000);
    await expect(send(id, randomBytes(3001), 0)).rejects.toBeInstanceOf(UploadLengthError);
    expect((await room.sessions.get(OPERATOR, id)).state).toBe('receiving');
  });

  it('Content-Length beyond the end: refused before a byte is taken', async () => {
    const id = await create(3000);
    const request = { offset: 0, contentLength: 3001, body: socket(randomBytes(3001), 1000) };
    await expect(room.sessions.receive(OPERATOR, id, request)).rejects.toBeInstanceOf(UploadLengthError);
    expect(await standsAt(id)).toBe(0);
  });

  it('a recording says its length at the end, also with an empty last request, and not another one later', async () => {
    const bytes = randomBytes(7000);
    const id = await create();
    await room.sessions.receive(OPERATOR, id, { offset: 0, body: socket(bytes, 1000) });
    expect((await room.uploads.view(OPERATOR, id)).bytes).toBeNull();
    const last = { offset: 7000, length: 6999, body: socket(Buffer.alloc(0), 1) };
    await expect(room.sessions.receive(OPERATOR, id, last)).rejects.toBeInstanceOf(UploadLengthError);
    expect((await room.sessions.receive(OPERATOR, id, { ...last, length: 7000 })).state).toBe('checking');
  });
});

it('one person has a limited number of uploads under way; one that is given up makes room', async () => {
  const subjectId = await room.person();
  const begin = () => room.sessions.create(OPERATOR, { kind: 'footage', subjectId, length: 10 });
  const begun = [];
  for (let i = 0; i < 20; i++) begun.push(await begin());
  await expect(begin()).rejects.toBeInstanceOf(UploadsUnderWayError);
  await room.sessions.abort(OPERATOR, begun[0]!.id);
  await expect(begin()).resolves.toMatchObject({ state: 'receiving' });
});

describe('whose it is', () => {
  const link = (subjectId: string, consentId: string): Principal => ({
    tenantId: 'acme',
    actorId: 'link',
    roles: ['subject'],
    link: { id: newId(), purpose: 'consent', subjectId, consentId },
  });

  it('a foreign tenant’s person, upload and consent are not found', async () => {
    const theirs = await room.person('other');
    await expect(room.sessions.create(OPERATOR, { kind: 'footage', subjectId: theirs, length: 1 })).rejects.toBeInstanceOf(
      NotFoundError,
    );
    const id = await create(10);
    const other: Principal = { ...OPERATOR, tenantId: 'other' };
    await expect(room.sessions.get(other, id)).rejects.toBeInstanceOf(NotFoundError);
    await expect(room.uploads.view(other, id)).rejects.toBeInstanceOf(NotFoundError);
    const consentId = newId();
    await expect(create(10, { consentId })).rejects.toBeInstanceOf(NotFoundError);
  });

  it('a link takes the clip of its own consent only', async () => {
    const [me, someone] = [await room.person(), await room.person()];
    const consentId = newId();
    await room.db.query(
      `INSERT INTO consents (id, tenant_id, subject_id, state, purposes, scope, request, status_token, valid_until, zone, assurance)
       VALUES ($1, 'acme', $2, 'requested', '{}', '{}', '{}', $3, now(), 'UTC', 'none')`,
      [consentId, me, newId()],
    );
    const principal = link(me, consentId);
    const clip = { kind: 'consent-clip' as const, subjectId: me, consentId };
    const own = await room.sessions.create(principal, clip);
    expect((await room.sessions.get(principal, own.id)).consent_id).toBe(consentId);
    for (const wrong of [{ ...clip, kind: 'footage' as const }, { ...clip, subjectId: someone }, { kind: clip.kind, subjectId: me }, { ...clip, consentId: newId() }])
      await expect(room.sessions.create(principal, wrong)).rejects.toBeInstanceOf(NotFoundError); // prettier-ignore
    expect(await room.db.query('SELECT 1 FROM upload_sessions WHERE subject_id = ANY($1)', [[me, someone]])).toHaveLength(1);
    await expect(room.sessions.get(principal, await create(10))).rejects.toBeInstanceOf(NotFoundError);
  });

  it('an erased person takes no more bytes, and what had arrived is gone', async () => {
    const bytes = randomBytes(9000);
    const id = await create(bytes.length);
    await expect(send(id, bytes, 0, 5000)).rejects.toBeInstanceOf(UploadInterruptedError);
    const { subject_id: subjectId } = await room.sessions.get(OPERATOR, id);
    await room.keys.destroySubjectKey('acme', subjectId);
    await room.objects.deleteSubject('acme', subjectId);
    expect(room.files().some((path) => path.includes(id))).toBe(false);
    await expect(send(id, bytes, 5000)).rejects.toBeInstanceOf(ErasedError);
  });
});

describe('at rest', () => {
  it('a piece that is changed, moved or missing is refused', async () => {
    const bytes = randomBytes(12_000);
    const id = await create(20_000);
    await expect(send(id, bytes, 0, 12_000)).resolves.toBeDefined();
    const all = `SELECT start_byte, path FROM object_segments WHERE upload_id = $1 ORDER BY start_byte`;
    const [first, second] = await room.db.query<{ start_byte: string; path: string }>(all, [id]);
    await room.db.query('UPDATE object_segments SET path = $3 WHERE upload_id = $1 AND start_byte = $2', [
      id,
      first!.start_byte,
      second!.path,
    ]);
    await expect(arrived(id)).rejects.toBeInstanceOf(ObjectCorruptError);
    await room.db.query('DELETE FROM object_segments WHERE upload_id = $1 AND start_byte = $2', [id, first!.start_byte]);
    await expect(arrived(id)).rejects.toThrow('missing');
  });
});

describe('what becomes of it', () => {
  it('a good clip: probed, one object under the person’s key, an event, and no piece left', async () => {
    const bytes = room.clip(9);
    const id = await create(bytes.length, { sha256: sha256(bytes) });
    await expect(room.uploads.get('acme', id)).rejects.toBeInstanceOf(UploadNotReadyError);
    await send(id, bytes, 0);
    await expect(room.uploads.get('acme', id)).rejects.toMatchObject({ problem: { slug: 'upload-not-ready', status: 409 } });
    await room.worker.drain();
    expect(room.faults).toEqual([]);
    const row = await room.uploads.get('acme', id);
    expect(row).toMatchObject({ sha256: sha256(bytes), bytes: String(bytes.length) });
    expect((await room.objects.readAll('acme', row.object_id)).equals(bytes)).toBe(true);
    expect(await room.uploads.view(OPERATOR, id)).toMatchObject({
      state: 'ready',
      bytes: bytes.length,
      offset: bytes.length,
      problem: null,
    });
    expect((await room.events('upload.completed')).at(-1)).toMatchObject({ uploadId: id });
    expect(room.files().some((path) => path.includes(`incoming/${id}`))).toBe(false);
    const [job] = await room.jobs.list('acme', { kind: 'upload.check', subjectId: row.subject_id });
    expect(job).toMatchObject({ state: 'succeeded', request_id: 'request-0001' });
    await expect(room.sessions.abort(OPERATOR, id)).rejects.toBeInstanceOf(StateConflictError);
  });

  it.each([
    ['nothing at all', Buffer.alloc(0), {}, 'media-empty'],
    ['no video', randomBytes(5000), {}, 'media-type-unsupported'],
    ['other bytes than announced', randomBytes(5000), { sha256: 'a'.repeat(64) }, 'upload-hash-mismatch'],
  ])('%s: refused with its own slug, in the log, and nothing is left', async (_, bytes, more, slug) => {
    const id = await create(bytes.length, more);
    if (bytes.length > 0) await send(id, bytes, 0);
    await room.worker.drain();
    expect(await room.uploads.view(OPERATOR, id)).toMatchObject({ state: 'refused', problem: { code: slug } });
    await expect(room.uploads.get('acme', id)).rejects.toBeInstanceOf(UploadRefusedError);
    await expect(room.uploads.get('acme', id)).rejects.toMatchObject({ problem: { slug } });
    expect((await room.events('upload.refused')).at(-1)).toMatchObject({ slug });
    expect(room.files().some((path) => path.includes(id))).toBe(false);
  });

  it('given up: no row, no file', async () => {
    const bytes = randomBytes(9000);
    const id = await create(bytes.length);
    await expect(send(id, bytes, 0, 5000)).rejects.toBeInstanceOf(UploadInterruptedError);
    await room.sessions.abort(OPERATOR, id);
    await expect(room.sessions.get(OPERATOR, id)).rejects.toBeInstanceOf(NotFoundError);
    expect(room.files().some((path) => path.includes(id))).toBe(false);
    expect(await room.db.query('SELECT 1 FROM object_segments WHERE upload_id = $1', [id])).toEqual([]);
  });

  it('not finished in time: expired, its bytes gone, and the log says so', async () => {
    const bytes = randomBytes(9000);
    const id = await create(bytes.length);
    await expect(send(id, bytes, 0, 5000)).rejects.toBeInstanceOf(UploadInterruptedError);
    await room.worker.drain();
    expect((await room.sessions.get(OPERATOR, id)).state).toBe('receiving'); // its time has not come
    await room.db.query(`UPDATE upload_sessions SET expires_at = now() WHERE id = $1`, [id]);
    await room.db.query(`UPDATE jobs SET run_after = now() WHERE kind = 'upload.discard' AND payload ->> 'uploadId' = $1`, [id]);
    await room.worker.drain();
    expect(await room.uploads.view(OPERATOR, id)).toMatchObject({ state: 'expired' });
    await expect(send(id, bytes, 5000)).rejects.toBeInstanceOf(UploadExpiredError);
    await expect(room.uploads.get('acme', id)).rejects.toBeInstanceOf(UploadExpiredError);
    expect((await room.events('upload.refused')).at(-1)).toMatchObject({ slug: 'upload-expired' });
    expect(room.files().some((path) => path.includes(id))).toBe(false);
  });
});
