import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, bareEnvironment, loadConfig } from './config.ts';
import { toProblem } from './domain-error.ts';

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'assent-config-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const URL = 'postgres://assent:secret@db/assent';

function faultsOf(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.members['faults'] as string[];
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('needs nothing, and is frozen', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({ NODE_ENV: 'development', QUEUE_BACKEND: 'postgres', ASSENT_SANDBOX: 'auto' });
    expect(isAbsolute(config.ASSENT_HOME)).toBe(true);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('takes secrets from files, without the line end that editors add', () => {
    expect(loadConfig({ DATABASE_URL_FILE: file('url', `${URL}\n`) }).DATABASE_URL).toBe(URL);
  });

  it('tells every fault at once', () => {
    const faults = faultsOf({
      NODE_ENV: 'prod',
      QUEUE_BACKEND: 'redis',
      S3_BUCKET: 'b',
      ASSENT_SANDBOX: 'none',
      DATABASE_URL_FILE: join(folder, 'missing'),
      FFMPEG_PATH: '/usr/bin/ffmpeg',
      FFMPEG_PATH_FILE: file('ffmpeg', '/usr/bin/ffmpeg'),
    });
    expect(faults.map((fault) => fault.split(':')[0]).toSorted()).toEqual(
      ['ASSENT_SANDBOX', 'DATABASE_URL_FILE', 'FFMPEG_PATH', 'NODE_ENV', 'REDIS_URL', 'S3_BUCKET', 'S3_ENDPOINT'].toSorted(),
    );
  });

  it('knows which settings mean nothing without each other', () => {
    const s3 = { S3_ENDPOINT: 'http://127.0.0.1:9000', S3_BUCKET: 'assent', S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' };
    expect(loadConfig(s3)).toMatchObject({ S3_REGION: 'us-east-1', S3_PATH_STYLE: true });
    expect(loadConfig({ ...s3, S3_PATH_STYLE: 'false' }).S3_PATH_STYLE).toBe(false);
    expect(faultsOf({ ...s3, S3_SECRET_KEY: '' })).toEqual([expect.stringMatching(/^S3_SECRET_KEY: missing/)]);
    expect(faultsOf({ ...s3, S3_ENDPOINT: '' })).toEqual(Array(3).fill(expect.stringMatching(/^S3_ENDPOINT: missing/)));
    expect(loadConfig({ QUEUE_BACKEND: 'redis', REDIS_URL: 'redis://127.0.0.1' }).QUEUE_BACKEND).toBe('redis');
    for (const endpoint of ['ftp://a', 'http://user:secret@a', 'http://a/bucket', 'http://a?x', 'a:9000'])
      expect(faultsOf({ ...s3, S3_ENDPOINT: endpoint }).join(), endpoint).toMatch(/S3_ENDPOINT/);
  });

  it('never repeats a value: a fault is read by more people than the secret was meant for', () => {
    const faults = faultsOf({ DATABASE_URL: 'mysql://root:hunter2@db', ASSENT_SANDBOX: 'hunter2' });
    expect(faults).toHaveLength(2);
    expect(faults.join()).not.toContain('hunter2');
  });

  it('refuses one key given in both ways; an empty one is not given (compose files pass them)', () => {
    expect(faultsOf({ DATABASE_URL: URL, DATABASE_URL_FILE: file('url', URL) })).toEqual([expect.stringMatching(/given twice/)]);
    expect(loadConfig({ DATABASE_URL: '', DATABASE_URL_FILE: file('url', URL) }).DATABASE_URL).toBe(URL);
    expect(loadConfig({ DATABASE_URL: URL, DATABASE_URL_FILE: '' }).DATABASE_URL).toBe(URL);
  });

  it('refuses a secret file that is empty instead of going on without the secret', () => {
    expect(faultsOf({ DATABASE_URL_FILE: file('empty', '\n') })).toEqual([expect.stringMatching(/^DATABASE_URL_FILE: .*empty/)]);
    expect(faultsOf({ FFMPEG_PATH_FILE: file('empty', '') })).toEqual([expect.stringMatching(/^FFMPEG_PATH_FILE: .*empty/)]);
  });

  it('is refused as a problem that names the faults', () => {
    try {
      loadConfig({ NODE_ENV: 'x' });
      expect.unreachable();
    } catch (error) {
      expect(toProblem(error)).toMatchObject({ code: 'config-invalid', status: 500 });
    }
  });
});

describe('the settings of the doors', () => {
  it.each([
    ['10.0.0.0/8, 2001:db8::/32', ['10.0.0.0/8', '2001:db8::/32']],
    ['192.0.2.1', ['192.0.2.1']],
    [' , ', []],
  ])('trust the proxies that are named: %j', (text, proxies) => {
    expect(loadConfig({ TRUSTED_PROXIES: text }).TRUSTED_PROXIES).toEqual(proxies);
  });

  it.each(['true', '*', '0', 'proxy.example', '10.0.0.0/33', '10.0.0.1;10.0.0.2', 'loopback, all'])('never trust %j', (text) => {
    expect(faultsOf({ TRUSTED_PROXIES: text })).toEqual(expect.arrayContaining([expect.stringMatching(/^TRUSTED_PROXIES/)]));
  });

  it.each([
    'https://assent.example/',
    'ftp://assent.example',
    'assent.example',
    'https://assent.example?x',
    'https://assent.example/a#b',
  ])('make no links from %j', (url) => {
    expect(faultsOf({ PUBLIC_URL: url })).toEqual(expect.arrayContaining([expect.stringMatching(/^PUBLIC_URL/)]));
  });

  it.each(['https://assent.example', 'http://127.0.0.1:7700', 'https://example.org/assent'])('make links from %j', (url) => {
    expect(loadConfig({ PUBLIC_URL: url }).PUBLIC_URL).toBe(url);
  });
});

it('a child gets a list of four names, whatever else there is', () => {
  const env = {
    PATH: '/bin',
    LANG: 'C',
    LC_ALL: 'C',
    TZ: 'UTC',
    DATABASE_URL: URL,
    NODE_OPTIONS: '--require /evil.js',
    LD_PRELOAD: 'x',
  };
  expect(bareEnvironment(env)).toEqual({ PATH: '/bin', LANG: 'C', LC_ALL: 'C', TZ: 'UTC' });
  expect(bareEnvironment({})).toEqual({});
});
