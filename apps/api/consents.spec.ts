import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConsentCheck, ConsentService } from '#consent';
import { openReceipt } from '#pki';
import type { Lease } from '#queue';
import { syntheticClip } from '#testing';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
let clip: Buffer;
beforeAll(async () => {
  api = await openTestApi({ worker: true });
  clip = await readFile(await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 3, size: 320 }));
}, 300_000);
afterAll(() => api.close());

const b64 = (text: string): string => Buffer.from(text).toString('base64');
interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, never>;
}
const as = (key: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  call(api, method, path, { key, ...(body === undefined ? {} : { body }) }) as Promise<Answer>;

const scope = { purposes: ['training', 'async_video'], intended_uses: ['a lesson about tides'] };
const controller = { party_id: 'c1', party_name: 'Example Ltd', party_address: '1 Road', party_contact: 'privacy@example.org' };
const terms = { controller, jurisdiction: 'IN', valid_until: '2027-03-28', zone: 'Asia/Kolkata' };

interface Asked {
  id: string;
  token: string;
  subjectId: string;
}
/** A person who was asked, and the link in that person's hand. */
async function asked(more: object = {}): Promise<Asked> {
  const subject = await as(api.keys.operator, 'POST', '/v1/subjects', { name: 'ಆ' });
  const made = await as(api.keys.operator, 'POST', '/v1/consents', { subject_id: subject.body['id'], scope, ...terms, ...more });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  const { consent, link } = made.body as unknown as { consent: { id: string }; link: { token: string } };
  return { id: consent.id, token: link.token, subjectId: subject.body['id'] };
}

/** The page's way to the code: read the notice, ask for a code. */
async function challenged({ id, token }: Asked, takeOver = false): Promise<Answer> {
  const session = await as(token, 'GET', '/v1/consent-session');
  const { text } = (session.body as unknown as { consent: { notice: { text: string } } }).consent.notice;
  const text_sha256 = createHash('sha256').update(text).digest('hex');
  expect((await as(token, 'POST', `/v1/consents/${id}/notice-shown`, { locale: 'hi', text_sha256 })).status).toBe(200);
  return as(token, 'POST', `/v1/consents/${id}/challenge`, takeOver ? { take_over: true } : {});
}

async function uploaded(person: Asked, captureId: string, bytes = clip): Promise<string> {
  const tus = { 'Tus-Resumable': '1.0.0', authorization: `Bearer ${person.token}` };
  const metadata = Object.entries({
    kind: 'consent-clip',
    subject_id: person.subjectId,
    consent_id: person.id,
    capture_id: captureId,
  });
  const made = await fetch(`${api.url}/v1/uploads`, {
    method: 'POST',
    headers: { ...tus, 'Upload-Length': String(bytes.length), 'Upload-Metadata': metadata.map(([k, v]) => `${k} ${b64(v)}`).join(',') }, // prettier-ignore
  });
  expect(made.status, await made.text()).toBe(201);
  const location = made.headers.get('location')!;
  const sent = await fetch(api.url + location, {
    method: 'PATCH',
    headers: { ...tus, 'Upload-Offset': '0', 'content-type': 'application/offset+octet-stream' },
    body: new Uint8Array(bytes),
  });
  expect(sent.status).toBe(204);
  return location.split('/').at(-1)!;
}

async function decided({ id, token }: Asked): Promise<Answer> {
  for (;;) {
    const read = await as(token, 'GET', `/v1/consents/${id}`);
    if ((read.body['state'] as string) !== 'evidence_pending') return read;
    await sleep(100);
  }
}

const answer = (captureId: string, uploadId: string, more: object = {}): object => ({
  capture_id: captureId,
  upload_id: uploadId,
  purposes: ['training'],
  confirmed: true,
  ...more,
});

describe('a person who is asked', () => {
  it('reads, records, agrees to a part, gets a receipt that anybody can check, and withdraws through its link', async () => {
    const person = await asked();
    const session = await as(person.token, 'GET', '/v1/consent-session');
    expect(session.body).toMatchObject({
      consent: { state: 'draft', valid_until: '2027-03-28T18:29:59.999Z', offered: scope, attempts_left: 5, evidence: null },
      subject: { name: 'ಆ' },
      link: { purpose: 'consent' },
    });
    const code = await challenged(person);
    expect(code.status).toBe(201);
    expect(code.body).toMatchObject({ digits: expect.stringMatching(/^\d{6}$/) as string, phrase_status: 'draft' });
    const capture = code.body['capture_id'] as string;
    const upload = await uploaded(person, capture);
    const sent = await as(person.token, 'POST', `/v1/consents/${person.id}/evidence`, answer(capture, upload));
    expect(sent.status, JSON.stringify(sent.body)).toBe(202);
    expect(await decided(person)).toMatchObject({
      body: { state: 'given', purposes: ['training'], assurance: 'none', evidence: null },
    });

    // The link has served: it still shows what became of it, and takes no second answer.
    expect(await as(person.token, 'POST', `/v1/consents/${person.id}/challenge`, {})).toMatchObject({ status: 410, body: { code: 'link-used' } }); // prettier-ignore
    const receipt = await as(person.token, 'GET', `/v1/consents/${person.id}/receipt`);
    expect(receipt.headers.get('content-disposition')).toContain('attachment');
    const { record } = receipt.body as unknown as { record: Record<string, never> };
    expect(record).toMatchObject({
      processing: [{ purpose: 'training' }],
      likeness_scope: { export_model: false, purposes: ['training'] },
      evidence: { method: 'challenged-clip', capture_id: capture, code: 'shown', assurance: { level: 'none' } },
      notice: { shown_in: 'hi' },
    });
    expect(JSON.stringify(receipt.body)).not.toContain('ಆ'); // pseudonymous
    // What the signed record says about ending it is an address that answers.
    expect(await call(api, 'GET', new URL(record['withdrawal_method'] as unknown as string).pathname)).toMatchObject({
      status: 200,
    });
    const status = receipt.body['status_url'] as string;
    expect(await call(api, 'GET', new URL(status).pathname)).toMatchObject({ status: 200, body: { status: 'valid' } });

    const manage = (receipt.body['manage_url'] as string).split('#')[1]!;
    const { id } = person;
    expect(await as(manage, 'POST', `/v1/consents/${id}/pause`)).toMatchObject({ status: 200, body: { state: 'paused' } });
    expect(await call(api, 'GET', new URL(status).pathname)).toMatchObject({ body: { status: 'paused' } });
    expect(await as(manage, 'POST', `/v1/consents/${id}/resume`)).toMatchObject({ status: 200, body: { state: 'given' } });
    expect(await as(manage, 'POST', `/v1/consents/${id}/withdraw`)).toMatchObject({ status: 200, body: { state: 'withdrawn' } });
    expect(await as(manage, 'POST', `/v1/consents/${id}/resume`)).toMatchObject({ status: 409 });
    expect(await call(api, 'GET', new URL(status).pathname)).toMatchObject({ body: { status: 'withdrawn' } });
  }, 60_000);

  it('gets a receipt whose signature covers the very bytes of the record', async () => {
    const [row] = await api.db.query<{ receipt: string; record: string }>(`SELECT receipt, record FROM consents WHERE receipt IS NOT NULL LIMIT 1`); // prettier-ignore
    const key = await call(api, 'GET', '/v1/receipt-key');
    const opened = await openReceipt(row!.receipt, key.body);
    expect(Buffer.from(opened!).toString()).toBe(row!.record);
  });

  it('gets a link that only pauses and withdraws when another one is asked for after the answer', async () => {
    const [given] = await api.db.query<{ id: string }>(`SELECT id FROM consents WHERE state = 'withdrawn' LIMIT 1`);
    const { body: link } = await as(api.keys.operator, 'POST', `/v1/consents/${given!.id}/links`, {});
    const token = link['token'] as string;
    expect(await as(token, 'POST', `/v1/consents/${given!.id}/challenge`, {})).toMatchObject({ status: 403 }); // a manage link
    expect(await as(token, 'GET', `/v1/consents/${given!.id}`)).toMatchObject({ status: 200 });
  });

  it('says no, at once or later, and that is the end of it', async () => {
    const person = await asked();
    expect(await as(person.token, 'POST', `/v1/consents/${person.id}/refuse`)).toMatchObject({
      status: 200,
      body: { state: 'refused' },
    });
    expect(await as(person.token, 'POST', `/v1/consents/${person.id}/challenge`, {})).toMatchObject({ status: 409 });
  });
});

it('the request of the person stands in the line that says the consent was given, and so does the person', async () => {
  const [line] = await api.db.query<{ actor: string; request: string | null }>(
    `SELECT event ->> 'actor' AS actor, event ->> 'requestid' AS request FROM audit_outbox WHERE event ->> 'kind' = 'consent.given'
     UNION ALL SELECT line::jsonb ->> 'actor', line::jsonb ->> 'requestid' FROM log_entries WHERE line LIKE '%"consent.given"%' LIMIT 1`,
  );
  expect(line!.actor).toMatch(/^subject:/);
  expect(line!.request).toMatch(/^[A-Za-z0-9-]{8,64}$/);
});

describe('the code', () => {
  it('belongs to one tab: another one is told, may take over, and the first one’s clip counts no more', async () => {
    const person = await asked();
    const first = (await challenged(person)).body['capture_id'] as string;
    const early = await uploaded(person, first);
    const second = await as(person.token, 'POST', `/v1/consents/${person.id}/challenge`, {});
    expect(second).toMatchObject({ status: 409, body: { code: 'capture-in-progress' } });
    const taken = await as(person.token, 'POST', `/v1/consents/${person.id}/challenge`, { take_over: true });
    expect(taken.status).toBe(201);
    const stale = await as(person.token, 'POST', `/v1/consents/${person.id}/evidence`, answer(first, early));
    expect(stale).toMatchObject({ status: 409, body: { code: 'challenge-expired' } });
    // The new code with the old clip: recorded before the code was shown.
    const swapped = await as(person.token, 'POST', `/v1/consents/${person.id}/evidence`, answer(taken.body['capture_id'], early));
    expect(swapped).toMatchObject({ status: 409, body: { code: 'challenge-expired' } });
    expect((await as(person.token, 'GET', `/v1/consents/${person.id}`)).body).toMatchObject({
      state: 'requested',
      attempts_left: 5,
    });
  });

  it('may be typed in any script, and a wrong one is refused without costing the try', async () => {
    const person = await asked();
    const code = await challenged(person);
    const capture = code.body['capture_id'] as string;
    const upload = await uploaded(person, capture);
    const path = `/v1/consents/${person.id}/evidence`;
    const digits = code.body['digits'] as string;
    const wrong = digits.startsWith('9') ? `0${digits.slice(1)}` : `9${digits.slice(1)}`;
    expect(await as(person.token, 'POST', path, answer(capture, upload, { typed_code: wrong }))).toMatchObject({ status: 422, body: { code: 'challenge-code-wrong' } }); // prettier-ignore
    const devanagari = Array.from(digits).map((digit) => String.fromCodePoint(0x966 + Number(digit))).join(' '); // prettier-ignore
    expect((await as(person.token, 'POST', path, answer(capture, upload, { typed_code: devanagari }))).status).toBe(202);
    expect((await decided(person)).body).toMatchObject({ state: 'given' });
  }, 60_000);

  it('is worth nothing after its time', async () => {
    const person = await asked();
    const capture = (await challenged(person)).body['capture_id'] as string;
    const upload = await uploaded(person, capture);
    await api.db.query(`UPDATE consent_captures SET expires_at = now() - interval '1 second' WHERE id = $1`, [capture]);
    const late = await as(person.token, 'POST', `/v1/consents/${person.id}/evidence`, answer(capture, upload));
    expect(late).toMatchObject({ status: 409, body: { code: 'challenge-expired' } });
  });
});

describe('a clip that cannot be used', () => {
  it('is told with its slug, costs one of five tries, and the next clip is taken', async () => {
    const person = await asked();
    const code = await challenged(person);
    const capture = code.body['capture_id'] as string;
    const nobody = await readFile(await faceless());
    const upload = await uploaded(person, capture, nobody);
    expect((await as(person.token, 'POST', `/v1/consents/${person.id}/evidence`, answer(capture, upload))).status).toBe(202);
    expect((await decided(person)).body).toMatchObject({
      state: 'evidence_failed',
      attempts_left: 4,
      evidence: { state: 'failed', problem: { code: 'footage-quality' } },
    });
    const again = (await as(person.token, 'POST', `/v1/consents/${person.id}/challenge`, {})).body['capture_id'] as string;
    const good = await uploaded(person, again);
    expect((await as(person.token, 'POST', `/v1/consents/${person.id}/evidence`, answer(again, good))).status).toBe(202);
    expect((await decided(person)).body).toMatchObject({ state: 'given', evidence: null });
  }, 60_000);
});

describe('what ends a request, and what does not', () => {
  it('a link that is too old: 410, whatever it is used for', async () => {
    const person = await asked();
    await api.db.query(`UPDATE links SET expires_at = now() - interval '1 second' WHERE consent_id = $1`, [person.id]);
    for (const [method, path] of [['GET', '/v1/consent-session'], ['GET', `/v1/consents/${person.id}`], ['POST', `/v1/consents/${person.id}/refuse`]] as const)
      expect(await as(person.token, method, path)).toMatchObject({ status: 410, body: { code: 'link-expired' } });
    // The operator makes a new one, and nothing was lost.
    const { body: link } = await as(api.keys.operator, 'POST', `/v1/consents/${person.id}/links`, {});
    expect((await challenged({ ...person, token: link['token'] })).status).toBe(201);
  }); // prettier-ignore

  it('another text on screen than the one that was asked with: 409, and the draft stays a draft', async () => {
    const person = await asked();
    const shown = { locale: 'en', text_sha256: 'f'.repeat(64) };
    expect(await as(person.token, 'POST', `/v1/consents/${person.id}/notice-shown`, shown)).toMatchObject({ status: 409, body: { code: 'consent-notice-changed' } }); // prettier-ignore
    expect((await as(person.token, 'GET', `/v1/consents/${person.id}`)).body).toMatchObject({ state: 'draft' });
  });

  it('five clips that could not be used: no sixth code', async () => {
    const person = await asked();
    await challenged(person);
    await api.db.query(`UPDATE consents SET state = 'evidence_failed', attempts = 5 WHERE id = $1`, [person.id]);
    expect(await as(person.token, 'POST', `/v1/consents/${person.id}/challenge`, { take_over: true })).toMatchObject({ status: 409, body: { code: 'consent-attempts-spent' } }); // prettier-ignore
  });

  it.each([
    [503, 1],
    [422, 0],
  ])('a check that ends with %i gives %i try back: a fault of ours costs the person none', async (status, back) => {
    const person = await asked();
    await api.db.query(`UPDATE consents SET state = 'evidence_pending', attempts = 2 WHERE id = $1`, [person.id]);
    const lease = { tenantId: 'acme', row: {}, payload: { consentId: person.id, actorId: 'subject:x' } } as unknown as Lease;
    const problem = { type: 'about:blank', title: 't', status, detail: 'd', code: 'some-slug' };
    await api.db.tx((tx) => api.app.get(ConsentCheck).settled(tx, lease, { state: 'failed', problem }));
    expect((await as(person.token, 'GET', `/v1/consents/${person.id}`)).body).toMatchObject({
      state: 'evidence_failed',
      attempts_left: 3 + back,
      evidence: { problem: { code: 'some-slug' } },
    });
  });

  it('a no while the clip is being checked wins: the check that ends later changes nothing', async () => {
    const person = await asked();
    await api.db.query(`UPDATE consents SET state = 'evidence_pending' WHERE id = $1`, [person.id]);
    expect(await as(person.token, 'POST', `/v1/consents/${person.id}/refuse`)).toMatchObject({ status: 200 });
    const clipOf = { uploadId: person.id, sha256: 'a'.repeat(64), facesSeen: 1, modelSha256: 'b'.repeat(64) };
    const principal = { tenantId: 'acme', actorId: 'subject:x', roles: ['subject'] } as const;
    const late = api.db.tx((tx) => api.app.get(ConsentService).giveIn(tx, principal, person.id, clipOf, { scheme: 'NIST-63A-4', level: 'none' })); // prettier-ignore
    await expect(late).rejects.toMatchObject({ problem: { slug: 'state-conflict' } });
    expect((await as(person.token, 'GET', `/v1/consents/${person.id}`)).body).toMatchObject({ state: 'refused' });
  });
});

describe('what nobody asked for', () => {
  it('cannot be agreed to, and nobody but the person can agree', async () => {
    const person = await asked();
    const capture = (await challenged(person)).body['capture_id'] as string;
    const upload = await uploaded(person, capture);
    const path = `/v1/consents/${person.id}/evidence`;
    const more = { purposes: ['training', 'advertising'], export_model: true };
    expect(await as(person.token, 'POST', path, answer(capture, upload, more))).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/purposes/1' }, { pointer: '/export_model' }] },
    });
    for (const key of [api.keys.operator, api.keys.admin, api.keys.auditor]) {
      expect((await as(key, 'POST', path, answer(capture, upload))).status).toBe(403);
      expect((await as(key, 'POST', `/v1/consents/${person.id}/withdraw`)).status).toBe(403);
    }
  });

  it.each([
    ['any use', { scope: { ...scope, intended_uses: ['any use'] } }, '/scope/intended_uses'],
    ['no purpose', { scope: { ...scope, purposes: [] } }, '/scope/purposes'],
    ['a term in the past', { valid_until: '2020-01-01' }, '/valid_until'],
    ['a zone that is none', { zone: 'Mars/Olympus' }, '/zone'],
    ['a member that is not known', { scope: { ...scope, anything: true } }, '/scope/anything'],
  ])('%s is refused with its place', async (_what, more, pointer) => {
    const subject = await as(api.keys.operator, 'POST', '/v1/subjects', {});
    const refused = await as(api.keys.operator, 'POST', '/v1/consents', {
      subject_id: subject.body['id'],
      scope,
      ...terms,
      ...more,
    });
    expect(refused).toMatchObject({ status: 422, body: { code: 'invalid-input' } });
    expect((refused.body as unknown as { errors: { pointer: string }[] }).errors.map((fault) => fault.pointer)).toContain(
      pointer,
    );
  });

  it('another person’s consent does not exist for whoever holds this link', async () => {
    const [one, other] = [await asked(), await asked()];
    for (const path of ['', '/receipt']) expect((await as(one.token, 'GET', `/v1/consents/${other.id}${path}`)).status).toBe(404);
    expect((await as(one.token, 'POST', `/v1/consents/${other.id}/withdraw`)).status).toBe(404);
    const listed = await as(one.token, 'GET', '/v1/consents');
    expect((listed.body as unknown as { data: { id: string }[] }).data.map(({ id }) => id)).toEqual([one.id]);
  });
});

describe('the list', () => {
  it.each([1, 2, 200])('gives each consent once with pages of %i (case LG-02)', async (limit) => {
    const [{ count }] = (await api.db.query<{ count: string }>(`SELECT count(*) FROM consents WHERE tenant_id = 'acme'`)) as [{ count: string }]; // prettier-ignore
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await as(api.keys.auditor, 'GET', `/v1/consents?limit=${limit}${cursor}`);
      const { data, next_cursor } = body as unknown as { data: { id: string }[]; next_cursor: string | null };
      seen.push(...data.map(({ id }) => id));
      if (next_cursor === null) break;
      cursor = `&cursor=${next_cursor}`;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(Number(count));
  });
});

/** Eight seconds of a test picture: a video, and nobody in it. */
async function faceless(): Promise<string> {
  const path = join(api.home, 'nobody.mp4');
  execFileSync(api.platform.media.tools.ffmpeg, ['-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25:d=4', '-pix_fmt', 'yuv420p', path]); // prettier-ignore
  return path;
}
