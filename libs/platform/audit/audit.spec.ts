import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { schemaDrift } from '#db';
import { InvalidInputError, newId } from '#kernel';
import { ErasedError, KeyStore } from '#keys';
import { type TestDatabase, testDatabase } from '#testing';
import { auditEntities } from './audit.entities.ts';
import { AUDIT_EVENT_KINDS, type AuditEvent, auditEvent } from './audit.events.ts';
import { OPERATOR, OTHER, appendSome, identityOf, someEvent, testSigner } from './audit.fixture.ts';
import { Audit, LogUnavailableError } from './audit.ts';
import { HeadFile } from './head-file.ts';
import { TenantPseudonyms, logLine } from './log-line.ts';
import { logPage, proofFor, proveEvent } from './log-reader.ts';
import { disclose, disclosureDigest } from './personal-data.ts';
import { Sequencer } from './sequencer.ts';
import { leafHash, openCheckpoint, verifyInclusion } from '#tlog';

const signer = testSigner();
const log = identityOf(signer);
const audit = new Audit();

let t: TestDatabase;
let place: string;
let sequencer: Sequencer;
beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'assent-audit-'));
  t = await testDatabase([...auditEntities] as never[]);
});
let round = 0;
beforeEach(async () => {
  await t.db.query('TRUNCATE audit_outbox, log_entries, log_tiles, log_checkpoints, audit_disclosures');
  sequencer = new Sequencer(t.db, signer, new HeadFile(join(place, `head-${round++}`)));
});
afterEach(() => sequencer.stop());
afterAll(async () => {
  await t.close();
  rmSync(place, { recursive: true, force: true });
});

const outbox = (): Promise<{ event: AuditEvent }[]> => t.db.query('SELECT event FROM audit_outbox ORDER BY seq');

it('entities and migrations agree', async () => {
  expect((await schemaDrift(t.db)).filter((statement) => /audit_|log_/.test(statement))).toEqual([]);
});

describe('append', () => {
  it('is part of the effect: rolled back with it, and there when it is', async () => {
    const failing = t.db.tx(async (tx) => {
      await audit.append(tx, OPERATOR, someEvent(1));
      throw new Error('the effect failed');
    });
    await expect(failing).rejects.toThrow('the effect failed');
    expect(await outbox()).toEqual([]);
    const id = await t.db.tx((tx) => audit.append(tx, OPERATOR, someEvent(1)));
    await sequencer.drain();
    expect((await proveEvent(t.db, log, id)).index).toBe(0);
  });

  it('takes the effect with it when the record cannot be written: log-unavailable, nothing half-done', async () => {
    await t.db.query('CREATE TABLE IF NOT EXISTS effect (n int)');
    await t.db.query('ALTER TABLE audit_outbox RENAME TO audit_outbox_gone');
    try {
      const effect = t.db.tx(async (tx) => {
        await tx.query('INSERT INTO effect VALUES (1)');
        await audit.append(tx, OPERATOR, someEvent(1));
      });
      await expect(effect).rejects.toThrow(LogUnavailableError);
      await effect.catch((error: LogUnavailableError) => {
        expect(error.problem).toMatchObject({ slug: 'log-unavailable', status: 503 });
        expect(error.members).toEqual({ retry_after: 60 });
      });
      expect(await t.db.query('SELECT * FROM effect')).toEqual([]);
    } finally {
      await t.db.query('ALTER TABLE audit_outbox_gone RENAME TO audit_outbox');
    }
  });

  it('refuses effects once the sequencer is too far behind, by number or by age, and takes them again after', async () => {
    const strict = new Audit(undefined, { rows: 3, seconds: 600 });
    const add = (by: Audit): Promise<string> => t.db.tx((tx) => by.append(tx, OPERATOR, someEvent(2)));
    for (let i = 0; i < 4; i++) await add(strict);
    await expect(add(strict)).rejects.toThrow(LogUnavailableError);
    expect(await outbox()).toHaveLength(4);
    await sequencer.drain();
    await add(strict);
    await t.db.query(`UPDATE audit_outbox SET event = jsonb_set(event, '{time}', to_jsonb(now() - interval '11 minutes'))`);
    await expect(add(audit)).rejects.toThrow(/behind/);
  });

  it('has no lock and no notification: a transaction that stays open holds up neither others nor the sequencer', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((done) => (release = done));
    const slow = t.db.tx(async (tx) => {
      await audit.append(tx, OPERATOR, someEvent(0));
      await held;
    });
    await appendSome(t.db, 5);
    expect(await sequencer.drain()).toBe(5);
    release();
    await slow;
    expect(await sequencer.drain()).toBe(6); // it had the lowest seq and comes last: the order of the log is its own
  });
});

describe('no personal data', () => {
  const NAMES = [
    'Anna Müller',
    'Ravi Kumar',
    'അനിത',
    '张伟',
    'anna@example.org',
    'Anna',
    '+49 30 901820',
    '12 High Street',
    "O'Neill",
    'José',
  ];
  /** Every string member of every kind, also inside lists, filled with a name instead of what belongs there. */
  const memberPaths = auditEvent.options.flatMap((option) =>
    Object.keys(option.shape.data.shape).map((member) => ({ kind: option.shape.kind.value, member })),
  );

  it('a name fits into no member of no kind', () => {
    expect(memberPaths.length).toBeGreaterThan(100);
    for (const { kind, member } of memberPaths)
      for (const value of [...NAMES, ...NAMES.map((name) => [name])]) {
        const parsed = auditEvent.safeParse({ kind, data: { [member]: value } });
        const issues = parsed.error?.issues.map((issue) => String(issue.path[1])) ?? [];
        expect(issues, `${kind} ${member} took ${String(value)}`).toContain(member);
      }
  });

  it('no kind takes a member that it does not list', () => {
    for (const kind of AUDIT_EVENT_KINDS) {
      const issues = auditEvent.safeParse({ kind, data: { name: 'Anna' } }).error?.issues ?? [];
      expect(issues.some((issue) => issue.code === 'unrecognized_keys')).toBe(true);
    }
  });

  it('a refused event says which member, never what was in it; the actor is held to the same', async () => {
    const append = (principal: typeof OPERATOR, event: unknown): Promise<string> =>
      t.db.tx((tx) => audit.append(tx, principal, event as AuditEvent));
    const bad = { kind: 'render.failed', data: { renderId: newId(), slug: 'Anna Müller' } };
    const refusal = await append(OPERATOR, bad).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect((refusal as InvalidInputError).members['errors']).toMatchObject([{ pointer: '/data/slug' }]);
    expect(JSON.stringify([(refusal as Error).message, (refusal as InvalidInputError).members])).not.toContain('Anna');
    await expect(append({ ...OPERATOR, actorId: 'anna@example.org' }, someEvent(0))).rejects.toThrow(InvalidInputError);
    await expect(append({ ...OPERATOR, actorId: 'a\nb' }, someEvent(0))).rejects.toThrow(InvalidInputError);
  });

  it('the tenant stands in the line as a keyed pseudonym, another one in another log', () => {
    const source = (fill: number): string => new TenantPseudonyms(testSigner(fill).secretFor('tenant-pseudonym')).source('acme');
    expect(source(7)).toMatch(/^urn:assent:tenant:[0-9a-f]{32}$/);
    expect(source(7)).toBe(source(7));
    expect(source(8)).not.toBe(source(7));
  });
});

describe('one log line stays one line (LG-04)', () => {
  const tenants = new TenantPseudonyms(Buffer.alloc(32));
  const row = (data: Record<string, unknown>, actor = 'key_1') => ({
    seq: '1', event_id: newId(), tenant_id: 'acme', event: { kind: 'k', data, actor, time: '2026-11-25T08:00:00.123456+05:30' },
  }); // prettier-ignore

  it('whatever reaches the sequencer makes one ASCII line, or stops it', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\u202e', '\u2066', '\n', '\0', '\u0085', '\u2028', '\u2029', '\u007f', '\u200c\u200d', 'a\r\nb', '\ud800'),
    );
    fc.assert(
      fc.property(hostile, (text) => {
        let line: string;
        try {
          line = logLine(0, row({ text }), tenants);
        } catch (error) {
          expect(error instanceof RangeError || error instanceof TypeError).toBe(true);
          return;
        }
        expect(line).toMatch(/^[\x20-\x7e]+$/);
        expect((JSON.parse(line) as { data: unknown }).data).toEqual({ text });
      }),
      { numRuns: 500 },
    );
  });

  it('gives the time in UTC, members in canonical order, and refuses a line that no entry bundle can hold', () => {
    const line = logLine(5, row({ b: 1, a: 2 }), tenants);
    expect(line).toContain('"data":{"a":2,"b":1}');
    expect(line).toContain('"time":"2026-11-25T02:30:00.123Z"');
    expect(() => logLine(0, row({ text: 'x'.repeat(65_536) }), tenants)).toThrow(RangeError);
  });
});

describe('personal fields', () => {
  const ANNA = 'Anna Mu\u0308ller';
  let keys: KeyStore;
  let withKeys: Audit;
  const subjectId = newId();
  beforeAll(async () => {
    keys = await KeyStore.open(join(place, 'keys'));
    await keys.createSubjectKey('acme', subjectId);
    withKeys = new Audit(keys);
  });
  const event = (): AuditEvent => ({ kind: 'consent.given', data: { consentId: newId(), subjectId, recordSha256: 'a'.repeat(64), clipSha256: 'b'.repeat(64), assurance: 'IAL2', purposes: ['training'] } }); // prettier-ignore

  it('computes the digest of the example in RFC 9901 §4.2.3', () => {
    expect(disclosureDigest('WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0')).toBe('uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY'); // prettier-ignore
  });

  it('stand in the line as salted digests; the disclosures open for the tenant, NFC and otherwise exact', async () => {
    const fields = { given_name: ANNA, phrase: 'ക്‍ഷ\u200c' };
    const id = await t.db.tx((tx) => withKeys.append(tx, OPERATOR, event(), { subjectId, fields }));
    await sequencer.drain();
    const { line } = await proveEvent(t.db, log, id);
    const { _sd, _sd_alg } = (JSON.parse(line) as { data: { _sd: string[]; _sd_alg: string } }).data;
    expect(_sd_alg).toBe('sha-256');
    const opened = await t.db.tx((tx) => withKeys.disclosures(tx, OPERATOR, id));
    expect(opened.map(({ name, value }) => [name, value])).toEqual([['given_name', 'Anna Müller'], ['phrase', fields.phrase.normalize('NFC')]]); // prettier-ignore
    expect(opened.map(({ digest }) => digest).sort()).toEqual(_sd);
    expect(await t.db.tx((tx) => withKeys.disclosures(tx, OTHER, id))).toEqual([]);
    const dump = JSON.stringify(
      await t.db.query("SELECT encode(sealed, 'escape') AS s, line FROM audit_disclosures, log_entries"),
    );
    for (const piece of ['Anna', 'ller', 'given_name']) expect(dump).not.toContain(piece);
  });

  it('two events about one name share nothing', () => {
    expect(disclose(newId(), 'name', 'Anna').digest).not.toBe(disclose(newId(), 'name', 'Anna').digest);
  });

  it('refuse NUL and half characters, long values, odd names, and a service without keys', async () => {
    for (const value of ['a\0b', '\ud83d', 'x'.repeat(2049)])
      expect(() => disclose(newId(), 'name', value)).toThrow(InvalidInputError);
    expect(() => disclose(newId(), 'Given Name', 'x')).toThrow(InvalidInputError);
    const personal = { subjectId, fields: { name: 'Anna' } };
    await expect(t.db.tx((tx) => audit.append(tx, OPERATOR, event(), personal))).rejects.toThrow(LogUnavailableError);
    expect(await outbox()).toEqual([]);
  });

  it('a disclosure moved to another row opens nothing', async () => {
    const personal = { subjectId, fields: { name: 'Anna' } };
    const [a, b] = await t.db.tx(async (tx) => [
      await withKeys.append(tx, OPERATOR, event(), personal),
      await withKeys.append(tx, OPERATOR, event(), personal),
    ]);
    await t.db.query('UPDATE audit_disclosures SET sealed = (SELECT sealed FROM audit_disclosures WHERE event_id = $1) WHERE event_id = $2', [a, b]); // prettier-ignore
    await expect(t.db.tx((tx) => withKeys.disclosures(tx, OPERATOR, b!))).rejects.toThrow();
  });

  it('are gone after erasure, also from a restored copy of the table; the log still proves the event', async () => {
    const erased = newId();
    await keys.createSubjectKey('acme', erased);
    const id = await t.db.tx((tx) => withKeys.append(tx, OPERATOR, event(), { subjectId: erased, fields: { name: 'Anna' } }));
    await sequencer.drain();
    const [backup] = await t.db.query<Record<string, unknown>>('SELECT * FROM audit_disclosures WHERE event_id = $1', [id]);
    await keys.destroySubjectKey('acme', erased);
    expect(await t.db.tx((tx) => withKeys.erasePersonal(tx, OPERATOR, erased))).toBe(1);
    expect(await t.db.tx((tx) => withKeys.disclosures(tx, OPERATOR, id))).toEqual([]);
    await t.db.query('INSERT INTO audit_disclosures SELECT * FROM jsonb_populate_record(NULL::audit_disclosures, $1)', [
      JSON.stringify({ ...backup, wrapped_key: hex(backup!['wrapped_key']), sealed: hex(backup!['sealed']) }),
    ]);
    await expect(t.db.tx((tx) => withKeys.disclosures(tx, OPERATOR, id))).rejects.toThrow(ErasedError);
    const proof = await proveEvent(t.db, log, id);
    const { size, root } = openCheckpoint(proof.checkpoint, [log.verifierKey], log.origin);
    const path = proof.proof.map((hash) => Buffer.from(hash, 'base64'));
    expect(verifyInclusion(leafHash(Buffer.from(proof.line)), proof.index, size, path, root)).toBe(true);
  });
  const hex = (bytes: unknown): string => `\\x${(bytes as Buffer).toString('hex')}`;
});

describe('reading the log', () => {
  it('gives each line once at every page size, while others are added (LG-02)', async () => {
    await appendSome(t.db, 1000, 1000); // one transaction
    await sequencer.drain();
    for (const limit of [1, 7, 100, 1000]) {
      const seen: number[] = [];
      let from = 0;
      for (let pages = 0; ; pages++) {
        const page = await logPage(t.db, { from, limit });
        seen.push(...page.entries.map((entry) => entry.index));
        if (pages % 97 === 1) {
          await appendSome(t.db, 3);
          await sequencer.drain();
        }
        from = page.next;
        if (page.complete) break;
      }
      expect(seen).toEqual(seen.map((_, i) => i));
      expect(seen.length).toBeGreaterThanOrEqual(1000);
    }
  });

  it('says complete exactly when nothing follows, also at the page limit', async () => {
    await appendSome(t.db, 20);
    await sequencer.drain();
    expect(await logPage(t.db, { limit: 20 })).toMatchObject({ next: 20, complete: true });
    expect(await logPage(t.db, { limit: 19 })).toMatchObject({ next: 19, complete: false });
    expect(await logPage(t.db, { from: 20 })).toEqual({ entries: [], next: 20, complete: true });
    for (const bad of [{ from: -1 }, { from: 1.5 }, { limit: 0 }, { limit: 10_001 }])
      await expect(logPage(t.db, bad)).rejects.toThrow(InvalidInputError);
  });

  it('shows a tenant its own lines only', async () => {
    await appendSome(t.db, 30);
    await appendSome(t.db, 7, 7, OTHER);
    await appendSome(t.db, 30);
    await sequencer.drain();
    const page = await logPage(t.db, { tenantId: OTHER.tenantId, limit: 5 });
    expect(page.entries.map((entry) => entry.index)).toEqual([30, 31, 32, 33, 34]);
    expect(await logPage(t.db, { tenantId: OTHER.tenantId, from: page.next })).toMatchObject({ next: 37, complete: true });
  });

  it('proves any entry to the newest checkpoint, with two questions and no full scan of tiles', async () => {
    await appendSome(t.db, 700, 100);
    await sequencer.drain();
    for (const index of [0, 255, 256, 511, 512, 699]) {
      const { line, proof, checkpoint } = await proofFor(t.db, log, index);
      const { size, root } = openCheckpoint(checkpoint, [log.verifierKey], log.origin);
      const path = proof.map((hash) => Buffer.from(hash, 'base64'));
      expect(verifyInclusion(leafHash(Buffer.from(line)), index, size, path, root)).toBe(true);
      expect(verifyInclusion(leafHash(Buffer.from(line + ' ')), index, size, path, root)).toBe(false);
      expect((JSON.parse(line) as { sequence: number }).sequence).toBe(index);
    }
    await expect(proofFor(t.db, log, 700)).rejects.toThrow(/no entry 700/);
    await expect(proveEvent(t.db, log, newId())).rejects.toThrow(/no entry/);
  });
});
