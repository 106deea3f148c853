import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shipped } from '#kernel';
import { syntheticClip } from '#testing';
import { type TestApi, openTestApi } from './api.fixture.ts';

/** The guide's own commands, in order, in one shell: what a newcomer types. */
const commands = (): string => {
  const text = readFileSync(shipped('docs/guides/first-replica.md'), 'utf8');
  return [...text.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, block]) => block).join('\n');
};

let api: TestApi;
let folder: string;
let run: { code: number | null; out: string };
const made = (name: string): string => readFileSync(join(folder, name), 'utf8');
const json = (name: string): Record<string, never> => JSON.parse(made(name)) as Record<string, never>;

beforeAll(async () => {
  api = await openTestApi({ worker: true });
  folder = mkdtempSync(join(tmpdir(), 'assent-guide-'));
  mkdirSync(join(folder, 'clips'));
  copyFileSync(
    await syntheticClip({ castId: 'lucia', take: 'consent', seconds: 4, size: 320 }),
    join(folder, 'clips/consent-clip.mp4'),
  );
  copyFileSync(
    await syntheticClip({ castId: 'lucia', take: 'footage', seconds: 10, size: 384 }),
    join(folder, 'clips/footage.mp4'),
  );
  const shell = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', commands()], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
    env: { PATH: process.env['PATH'], ASSENT: api.url, KEY: api.keys.operator, AUDITOR: api.keys.auditor },
  });
  let out = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (out += text));
  run = await new Promise((done) => shell.once('close', (code) => done({ code, out })));
}, 600_000);
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('docs/guides/first-replica.md', () => {
  it('runs to its end as it stands', () => {
    expect(run.code, run.out).toBe(0);
  });

  it('gives a consent with a receipt, and nothing before the answer', () => {
    expect(run.out.split('\n')[0]).toBe('404');
    expect(json('receipt.json')).toMatchObject({ record: { evidence: { method: 'challenged-clip' } } });
  });

  it('trains a replica that is told from stage to stage, with the time of each', () => {
    const job = json('job.json') as unknown as { state: string; stages: { name: string; ms: number }[] };
    expect(job.state).toBe('succeeded');
    expect(job.stages.map(({ name }) => name)).toEqual([
      'probe',
      'frames',
      'track',
      'gate',
      'fit',
      'evaluate',
      'package',
      'seal',
    ]);
    expect(job.stages.every(({ ms }) => ms >= 0)).toBe(true);
    const events = made('events.txt');
    const ids = [...events.matchAll(/^id: ?(\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids.length).toBeGreaterThan(5);
    expect(ids).toEqual(ids.map((_, i) => ids[0]! + i));
    expect(events).toMatch(/^event: ?end$/m);
    expect(json('replica.json')).toMatchObject({ state: 'active' });
  });

  it('publishes a render that a stranger finds trusted, and that names the log', () => {
    expect(readFileSync(join(folder, 'first-bytes'))).toHaveLength(100);
    expect(json('verification.json')).toMatchObject({ verdict: 'trusted', watermark: { state: 'match' } });
  });

  it('leaves an export that its own verifier accepts', () => {
    expect(run.out).toMatch(/^ok: \d+ entries of one tenant/m);
  });

  it('stops at once when the person withdraws: 403, 410, and the old file says so', () => {
    expect(json('withdrawn.json')).toMatchObject({ state: 'withdrawn' });
    expect(json('refused.json')).toMatchObject({ status: 403, code: 'consent-withdrawn' });
    expect(made('gone.txt').trim()).toBe('410');
    expect(JSON.stringify(json('afterwards.json'))).toContain('withdrawn');
  });

  it('records the refusal', async () => {
    const lines = await api.db.query<{ event: { data: { slug: string } } }>(`SELECT event FROM audit_outbox WHERE event ->> 'kind' = 'gate.refused'
      UNION ALL SELECT line::jsonb FROM log_entries WHERE line::jsonb ->> 'type' = 'gate.refused'`); // prettier-ignore
    expect(lines.some(({ event }) => event.data.slug === 'consent-withdrawn')).toBe(true);
  });
});
