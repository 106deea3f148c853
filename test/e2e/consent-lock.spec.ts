import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Audit, auditEntities } from '#audit';
import { type ConsentRow, ConsentService, ConsentWithdrawnError, consentEntities } from '#consent';
import { SubjectsService, identityEntities } from '#identity';
import { type Principal, PublicUrl, StateConflictError, newId } from '#kernel';
import { ErasedError, KeyStore } from '#keys';
import { ReceiptKey, openReceipt } from '#pki';
import { Jobs, LeaseLostError, queueEntities } from '#queue';
import { FilesystemStore, Objects, storageEntities } from '#storage';
import { type TestDatabase, temporaryHome, testDatabase } from '#testing';

const PRINCIPAL: Principal = { tenantId: 'acme', actorId: 'test', roles: ['operator'] };
const RECEIPTS = new ReceiptKey(ReceiptKey.generatePem(), 'k1');

let t: TestDatabase;
let place: Awaited<ReturnType<typeof temporaryHome>>;
let keys: KeyStore;
let objects: Objects;
let subjects: SubjectsService;
let consents: ConsentService;
let jobs: Jobs;

beforeAll(async () => {
  t = await testDatabase([
    ...auditEntities,
    ...consentEntities,
    ...identityEntities,
    ...queueEntities,
    ...storageEntities,
  ] as never[]);
  place = await temporaryHome();
  keys = await KeyStore.open(place.home + '/keys');
  objects = new Objects(t.db, keys, new FilesystemStore(place.home + '/objects'));
  const audit = new Audit();
  jobs = new Jobs(t.db);
  subjects = new SubjectsService(t.db, audit, keys, objects);
  consents = new ConsentService(t.db, audit, jobs, RECEIPTS, subjects, new PublicUrl('https://assent.example'));
});
afterAll(async () => {
  await t.close();
  await place.remove();
});

const request = (subjectId: string): object => ({
  subjectId,
  scope: {
    purposes: ['training'], intended_uses: ['a test'], allowed_emotions: ['neutral'], max_intensity: 0.5, languages: ['en'], realtime: false,
    max_renders: null, audience_min_age: 0, prohibited_uses: [], script_preapproval: false, export_model: false,
  },
  language: 'en',
  notice: { id: 'n', version: '1', text: 'what happens' },
  controller: { party_id: 'c', party_name: 'C', party_address: 'A', party_contact: 'B' },
  jurisdiction: 'EU',
  validUntil: new Date(Date.now() + 3_600_000),
  zone: 'Asia/Kolkata',
}); // prettier-ignore

async function given(): Promise<ConsentRow> {
  const subject = await subjects.create(PRINCIPAL);
  const asked = await consents.request(PRINCIPAL, request(subject.id));
  const clip = { uploadId: newId(), sha256: 'a'.repeat(64), facesSeen: 1, modelSha256: 'b'.repeat(64) };
  return consents.give(PRINCIPAL, asked.id, clip, { scheme: 'NIST-63A-4', level: 'none' });
}
const use = (row: ConsentRow) => ({ purpose: 'training' as const, subjectId: row.subject_id });
const eventsOf = async (kind: string, consentId: string): Promise<number> =>
  (
    await t.db.query(`SELECT 1 FROM audit_outbox WHERE event ->> 'kind' = $1 AND event #>> '{data,consentId}' = $2`, [
      kind,
      consentId,
    ])
  ).length;

describe('the race between an effect and a withdrawal', () => {
  it('makes the withdrawal wait while an effect holds the consent, and then wins for good', async () => {
    const row = await given();
    const order: string[] = [];
    let release: () => void = () => undefined;
    const held = new Promise<void>((done) => (release = done));
    const effect = t.db.tx(async (tx) => {
      await consents.require(tx, PRINCIPAL, row.id, use(row));
      order.push('gate passed');
      await held;
      order.push('effect commits');
    });
    while (order.length === 0) await sleep(5);
    const withdrawal = consents.withdraw(PRINCIPAL, row.id).then(() => order.push('withdrawn'));
    await sleep(150);
    expect(order).toEqual(['gate passed']);
    release();
    await Promise.all([effect, withdrawal]);
    expect(order).toEqual(['gate passed', 'effect commits', 'withdrawn']);
    await expect(t.db.tx((tx) => consents.require(tx, PRINCIPAL, row.id, use(row)))).rejects.toBeInstanceOf(
      ConsentWithdrawnError,
    );
  });

  it('refuses an effect whose gate was passed in an earlier transaction: checked a moment ago is not checked', async () => {
    const row = await given();
    await t.db.tx((tx) => consents.require(tx, PRINCIPAL, row.id, use(row)));
    await consents.withdraw(PRINCIPAL, row.id);
    await t.db.tx((tx) => jobs.enqueue(tx, { tenantId: 'acme', kind: 'test.seal', payload: {} }));
    const lease = (await jobs.acquire(['test.seal'], 'w', 30))!;
    const published: string[] = [];
    const seal = lease.complete(async (tx) => {
      await consents.require(tx, PRINCIPAL, row.id, use(row));
      published.push('replica');
    });
    await expect(seal).rejects.toBeInstanceOf(ConsentWithdrawnError);
    expect(published).toEqual([]);
    expect((await jobs.get('acme', lease.jobId)).state).toBe('running'); // the end of the job rolled back with its effect
    await lease.settleCancelled(() => Promise.resolve());
    await expect(lease.complete(() => Promise.resolve())).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('writes state, event and the job that tells everybody in one transaction', async () => {
    const row = await given();
    await consents.withdraw(PRINCIPAL, row.id);
    expect(await eventsOf('consent.withdrawn', row.id)).toBe(1);
    const told = await t.db.query(`SELECT payload FROM jobs WHERE kind = 'consent.propagate' AND payload ->> 'consentId' = $1`, [
      row.id,
    ]);
    expect(told).toEqual([{ payload: { consentId: row.id, state: 'withdrawn' } }]);
    await expect(consents.withdraw(PRINCIPAL, row.id)).rejects.toBeInstanceOf(StateConflictError);
    expect(await eventsOf('consent.withdrawn', row.id)).toBe(1);
  });

  it('does not show a consent to another tenant', async () => {
    const row = await given();
    await expect(consents.get({ ...PRINCIPAL, tenantId: 'other' }, row.id)).rejects.toMatchObject({ problem: { status: 404 } });
  });
});

describe('the receipt', () => {
  it('is the record itself, in the names of ISO 27560, signed', async () => {
    const row = await given();
    const opened = await openReceipt(row.receipt!, RECEIPTS.publicJwk);
    expect(new TextDecoder().decode(opened)).toBe(row.record);
    const record = JSON.parse(row.record!) as Record<string, unknown>;
    for (const field of [
      'schema_version',
      'record_id',
      'pii_principal_id',
      'notice',
      'processing',
      'parties',
      'events',
      'evidence',
    ])
      expect(record).toHaveProperty(field);
    expect(record).toMatchObject({
      pii_principal_id: row.subject_id,
      evidence: { method: 'uploaded-clip', assurance: { level: 'none' } },
    });
    // The first letter of the signature: the last one of 64 bytes holds only two bits, so a change there may be none.
    const [header, payload, signature] = row.receipt!.split('.') as [string, string, string];
    const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    expect(await openReceipt(forged, RECEIPTS.publicJwk)).toBeUndefined();
  });

  it('keeps instant and zone of a term', async () => {
    const row = await given();
    expect(row).toMatchObject({ zone: 'Asia/Kolkata' });
    expect(row.valid_until).toBeInstanceOf(Date);
  });
});

describe('withdraw and erase', () => {
  it('refuses to erase a person whose consent is still open', async () => {
    const row = await given();
    await expect(consents.eraseSubject(PRINCIPAL, row.subject_id)).rejects.toBeInstanceOf(StateConflictError);
  });

  it('leaves nothing readable, also with a restored copy of the database', async () => {
    const row = await given();
    const plain = (async function* () { yield Buffer.from('a face'); })(); // prettier-ignore
    const staged = await objects.stage(
      { tenantId: 'acme', subjectId: row.subject_id, kind: 'footage', mediaType: 'video/mp4' },
      plain,
    );
    await t.db.tx((tx) => objects.commit(tx, staged));
    expect((await objects.readAll('acme', staged.id)).toString()).toBe('a face');
    const [backup] = await t.db.query<Record<string, unknown>>('SELECT * FROM objects WHERE id = $1', [staged.id]);
    await consents.withdraw(PRINCIPAL, row.id);
    await consents.eraseSubject(PRINCIPAL, row.subject_id);
    const columns = Object.keys(backup!);
    await t.db.query(
      `INSERT INTO objects (${columns.join(', ')}) VALUES (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
      Object.values(backup!),
    );
    await expect(objects.readAll('acme', staged.id)).rejects.toBeInstanceOf(ErasedError);
    await expect(subjects.get('acme', row.subject_id)).resolves.toMatchObject({ state: 'erased' });
    const told = await t.db.query(`SELECT payload ->> 'state' AS state FROM jobs WHERE subject_id = $1 ORDER BY id`, [
      row.subject_id,
    ]);
    expect(told).toEqual([{ state: 'withdrawn' }, { state: 'erased' }]);
    // The log still says what happened, by pseudonym.
    expect(
      await t.db.query(
        `SELECT 1 FROM audit_outbox WHERE event ->> 'kind' = 'subject.erased' AND event #>> '{data,subjectId}' = $1`,
        [row.subject_id],
      ),
    ).toHaveLength(1);
  });
});
