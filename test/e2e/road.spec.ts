import 'reflect-metadata';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NestFactory } from '@nestjs/core';
import { verifyBundle } from '#audit';
import { built, loadConfig, packageRoot } from '#kernel';
import { findMediaTools } from '#media';
import { type MarkKey, parseAnchors, verify } from '#provenance';
import { JobWorker } from '#queue';
import { RenderingService } from '#rendering';
import { Objects } from '#storage';
import { syntheticClip, temporaryHome } from '#testing';
import { AppModule } from '../../apps/app.module.ts';
import { openPlatform } from '../../apps/platform.module.ts';

/** The road as a newcomer walks it: the built CLI in a process of its own, with a home of its own and its own embedded database. */
const runCli = (home: string, args: string[]): Promise<{ code: number | null; out: string }> =>
  new Promise((done) => {
    const child = spawn(process.execPath, [built('apps/cli/main.js'), ...args], {
      cwd: packageRoot(),
      env: { PATH: process.env['PATH'], ASSENT_HOME: home },
    });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.once('close', (code) => done({ code, out }));
  });

/** Key files of all subjects below a home. */
const subjectFiles = (home: string): string[] =>
  readdirSync(join(home, 'keys/tenants'), { recursive: true, encoding: 'utf8' }).filter((file) => /subjects\/.+\./.test(file));

let place: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => void (place = await temporaryHome()));
afterAll(() => place.remove());
const json = (path: string): Record<string, never> => JSON.parse(readFileSync(path, 'utf8')) as Record<string, never>;

describe('the demo with its synthetic subject', () => {
  let out: string;
  let run: { code: number | null; out: string };
  beforeAll(async () => {
    out = join(place.home, 'out');
    run = await runCli(join(place.home, 'assent'), ['demo', '--out', out, '--seconds', '20']);
  }, 900_000);

  it('ends with 0 and a table of stages', () => {
    expect(run.code, run.out.slice(-3000)).toBe(0);
    expect(run.out).toMatch(/stage +result +time +key figure/);
    for (const stage of [
      'subject',
      'consent',
      'footage',
      'probe',
      'frames',
      'track',
      'gate',
      'fit',
      'evaluate',
      'package',
      'seal',
      'render',
      'verify',
      'audit',
    ]) {
      expect(run.out).toMatch(new RegExp(`^${stage} +ok`, 'm'));
    }
  });

  it('leaves every file that it promises', () => {
    const files = ['report.json', 'consent-record.json', 'consent-receipt.jws', 'evaluation.json', 'evaluation.png', 'render.mp4', 'verification.json', 'trust-anchors.pem', 'marks.json', 'replica.ply', 'replica.glb', 'audit/entries.jsonl', 'audit/verify.mjs']; // prettier-ignore
    expect(files.filter((file) => !existsSync(join(out, file)))).toEqual([]);
    expect(json(join(out, 'report.json'))).toMatchObject({ ok: true, demo: true });
  });

  it('fits better than a head that cannot move its face, and better than the nearest picture', () => {
    const { psnr, floors } = json(join(out, 'evaluation.json')) as unknown as {
      psnr: { head: number };
      floors: { rigid: { head: number }; nearest: { head: number } };
    };
    expect(psnr.head).toBeGreaterThan(floors.rigid.head + 1);
    expect(psnr.head).toBeGreaterThan(floors.nearest.head + 2);
  });

  it('publishes a render that an outsider finds trusted, and whose mark reads back to its registry row', async () => {
    const anchors = parseAnchors(await readFile(join(out, 'trust-anchors.pem'), 'utf8'));
    const marks = (json(join(out, 'marks.json')) as unknown as { rows: string[] }).rows;
    const report = await verify(join(out, 'render.mp4'), { anchors, marks });
    expect(report).toMatchObject({ verdict: 'trusted', c2pa: { state: 'trusted', consent: { assurance: 'none' } } });
    const own = json(join(out, 'verification.json')) as unknown as {
      watermark: { state: string; id: string; audio: { found: boolean } };
      consentStatus: string;
      logIndex: number;
    };
    expect(own).toMatchObject({ watermark: { state: 'match', audio: { found: true } }, consentStatus: 'valid' });
    expect(own.watermark.id).toBe(report.watermark.id);
    expect(own.logIndex).toBeGreaterThan(0);
  });

  it('says no to the same file with one bit changed', async () => {
    const bytes = await readFile(join(out, 'render.mp4'));
    bytes[bytes.length - 2000]! ^= 1;
    const changed = join(out, 'changed.mp4');
    await writeFile(changed, bytes);
    const anchors = parseAnchors(await readFile(join(out, 'trust-anchors.pem'), 'utf8'));
    expect(await verify(changed, { anchors })).toMatchObject({ verdict: 'not-trusted', c2pa: { state: 'tampered' } });
    expect((await runCli(place.home, ['verify', changed, '--trust-anchors', join(out, 'trust-anchors.pem')])).code).toBe(1);
    expect(
      (await runCli(place.home, ['verify', join(out, 'render.mp4'), '--trust-anchors', join(out, 'trust-anchors.pem')])).code,
    ).toBe(0);
  });

  it('leaves an audit bundle that verifies offline and names the whole road', async () => {
    expect(await verifyBundle(join(out, 'audit'))).toMatchObject({ ok: true });
    const kinds = readFileSync(join(out, 'audit/entries.jsonl'), 'utf8').trim().split('\n').map((line) => (JSON.parse(line) as { type: string }).type); // prettier-ignore
    for (const kind of [
      'subject.created',
      'consent.given',
      'upload.completed',
      'training.requested',
      'identity.matched',
      'replica.created',
      'training.succeeded',
      'render.requested',
      'render.published',
    ]) {
      expect(kinds).toContain(kind);
    }
  });

  it('keeps no plaintext: scratch is empty, and no stored object looks like a video, a picture or JSON', () => {
    const home = join(place.home, 'assent');
    expect(readdirSync(join(home, 'scratch'))).toEqual([]);
    const objects = readdirSync(join(home, 'objects'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    expect(objects.length).toBeGreaterThanOrEqual(6);
    for (const entry of objects) {
      const head = readFileSync(join(entry.parentPath, entry.name)).subarray(0, 64).toString('latin1');
      expect(head).not.toMatch(/ftyp|PNG|"format"/);
    }
  });
});

describe('a render whose mark does not read back from the published bytes', () => {
  it('is quarantined: never published, no bytes kept, and the log says why', async () => {
    const platform = await openPlatform(loadConfig({ ASSENT_HOME: join(place.home, 'assent') }), (error) => {
      throw error;
    });
    const app = await NestFactory.createApplicationContext(AppModule.on(platform.module), { logger: false });
    try {
      // Somebody exchanges the key between marking and reading: what was embedded is not what is looked for.
      const keyOf = (fill: number): MarkKey => ({ kid: 'wm-2', key: new Uint8Array(32).fill(fill) });
      let exchanged = false;
      Object.defineProperty(platform.signing, 'markKeys', { get: () => [keyOf(exchanged ? 8 : 7)] });
      const operator = { tenantId: 'demo', actorId: 'test', roles: ['operator'] } as const;
      const { ids } = json(join(place.home, 'out/report.json')) as unknown as { ids: { replica: string } };
      const rendering = app.get(RenderingService);
      rendering.onProgress = (_id, { stage }) => void (exchanged ||= stage === 'self_check');
      const kept = async (): Promise<unknown[]> => [
        await platform.db.query('SELECT id FROM objects ORDER BY id'),
        readdirSync(join(place.home, 'assent/objects'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length, // prettier-ignore
      ];
      const before = await kept();
      const { id } = await rendering.request(operator, { replicaId: ids.replica, purpose: 'async_video', start: 0, seconds: 2, audio: 'none', demo: true }); // prettier-ignore
      const objects = app.get(Objects);
      const worker = new JobWorker(platform.jobs, [rendering], undefined, {
        workerId: 'test',
        onEnded: ({ jobId, epoch }) => objects.discardAttempts(jobId, epoch).then(() => undefined), // as apps/worker does
      });
      await worker.drain();
      const render = await rendering.get('demo', id);
      expect(render).toMatchObject({ state: 'quarantined', object_id: null, mark_id: null, published_at: null });
      expect(render.error).toMatchObject({ code: 'watermark-not-readable' });
      await expect(rendering.read('demo', id)).rejects.toMatchObject({ problem: { status: 404 } });
      expect(await rendering.marks('demo', id)).toEqual([]);
      expect(exchanged).toBe(true);
      expect(await kept()).toEqual(before);
      await platform.sequencer.drain();
      const said = await platform.db.query<{ type: string }>(`SELECT line::jsonb ->> 'type' AS type FROM log_entries WHERE line LIKE '%' || $1 || '%' ORDER BY idx`, [id]); // prettier-ignore
      expect(said.map(({ type }) => type)).toEqual(['render.requested', 'render.quarantined']);
    } finally {
      await app.close();
      await platform.close();
    }
  }, 120_000);
});

describe('the demo with somebody else in the footage', () => {
  it('stops at the match gate with exit 3, without a replica, and the refusal is in the log', async () => {
    const out = join(place.home, 'impostor');
    const consent = await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 4, size: 320 });
    const footage = await syntheticClip({ castId: 'kenji', take: 'footage', seconds: 10, size: 384 });
    const args = ['demo', '--out', out, '--video', footage, '--consent-video', consent];
    const run = await runCli(join(place.home, 'assent'), args);
    expect(run.code, run.out.slice(-3000)).toBe(3);
    expect(run.out).toContain('footage-not-subject');
    for (const file of ['evaluation.json', 'render.mp4', 'replica.ply']) expect(existsSync(join(out, file))).toBe(false);
    const report = json(join(out, 'report.json')) as unknown as {
      ok: boolean;
      stages: { name: string; status: string; figures: { slug?: string } }[];
      ids: { training: string; replica?: string };
    };
    expect(report.ok).toBe(false);
    expect(report.ids.replica).toBeUndefined();
    expect(report.stages.find((stage) => stage.name === 'gate')).toMatchObject({
      status: 'refused',
      figures: { slug: 'footage-not-subject' },
    });
    const lines = readFileSync(join(out, 'audit/entries.jsonl'), 'utf8');
    const refusal = lines.split('\n').filter((line) => line.includes('"gate.refused"') && line.includes(report.ids.training));
    expect(refusal).toHaveLength(1);
    expect(refusal[0]).toContain('footage-not-subject');
    expect(lines.split('\n').some((line) => line.includes('"replica.created"') && line.includes(report.ids.training))).toBe(
      false,
    );
  }, 900_000);
});

describe('a real person’s demonstration that goes wrong', () => {
  it('destroys the key when the consent clip shows nobody, and says what to do', async () => {
    const home = join(place.home, 'nobody');
    const clip = join(place.home, 'nobody.mp4');
    const { ffmpeg } = await findMediaTools();
    execFileSync(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=s=320x240:r=25:d=9', '-pix_fmt', 'yuv420p', clip]);
    const run = await runCli(home, ['demo', '--out', join(home, 'out'), '--video', clip, '--consent-video', clip]);
    expect(run.code, run.out.slice(-2000)).toBe(1);
    expect(run.out).toMatch(/footage-quality: .*No face was found\. Sit upright/);
    expect(subjectFiles(home)).toEqual([expect.stringMatching(/\.destroyed$/)]);
  }, 120_000);
});

describe('Ctrl-C', () => {
  it('stops the demo cleanly: 130, empty scratch, no server left, and the next start works', async () => {
    const home = join(place.home, 'stopped');
    const child = spawn(process.execPath, [built('apps/cli/main.js'), 'demo', '--out', join(home, 'out')], {
      cwd: packageRoot(),
      env: { PATH: process.env['PATH'], ASSENT_HOME: home },
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (text.includes('… subject')) setTimeout(() => child.kill('SIGINT'), 1000);
    });
    const code = await new Promise((done) => child.once('close', done));
    expect(code, out).toBe(130);
    expect(out).toContain('Stopped.');
    expect(readdirSync(join(home, 'scratch'))).toEqual([]);
    expect(existsSync(join(home, 'postgres/data/postmaster.pid'))).toBe(false);
    expect((await runCli(home, ['migrate'])).code).toBe(0);
  }, 120_000);
});

describe('Ctrl-C while somebody’s own clips are being worked on', () => {
  it('destroys the key of the person, and leaves neither replica nor plaintext', async () => {
    const home = join(place.home, 'own-clips');
    const consent = await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 4, size: 320 });
    const footage = await syntheticClip({ castId: 'lucia', take: 'footage', seconds: 10, size: 384 });
    const args = ['demo', '--out', join(home, 'out'), '--video', footage, '--consent-video', consent];
    const child = spawn(process.execPath, [built('apps/cli/main.js'), ...args], {
      cwd: packageRoot(),
      env: { PATH: process.env['PATH'], ASSENT_HOME: home },
    });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (text.includes('… track')) child.kill('SIGINT');
    });
    const code = await new Promise((done) => child.once('close', done));
    expect(code, out).toBe(130);
    expect(subjectFiles(home)).toEqual([expect.stringMatching(/\.destroyed$/)]);
    expect(readdirSync(join(home, 'scratch'))).toEqual([]);
    expect(existsSync(join(home, 'out/render.mp4'))).toBe(false);
  }, 300_000);
});

describe('the command line', () => {
  it.each([
    ['footage without a consent clip', ['demo', '--video', 'x.mp4']],
    ['an unknown command', ['frobnicate']],
    ['an unknown bench', ['bench', 'nothing']],
  ])('ends with 2 for %s', async (_what, args) => {
    expect((await runCli(place.home, args)).code).toBe(2);
  });
});
