import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configKeys, packageRoot } from '#kernel';

/*
 * Images cannot be built or run by these tests. What can be held: the syntax, that every path, script, entry point and setting that the
 * files name exists, and the promises about users and packages.
 */
const read = (file: string): string => readFileSync(join(packageRoot(), file), 'utf8');
const there = (file: string): boolean => existsSync(join(packageRoot(), file));

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly tmpfs?: readonly string[];
}
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);

describe('docker-compose.yml', () => {
  it('runs api and worker from our image, with PostgreSQL, Valkey and an S3 server of a pinned version', () => {
    expect(Object.keys(compose.services).toSorted()).toEqual(['api', 'postgres', 's3', 'valkey', 'worker']);
    expect(ours.map(([name]) => name)).toEqual(['api', 'worker']);
    for (const [name, { image }] of services) expect(image, name).toMatch(/^[a-z/]+:(local|v?\d[\w.-]*)$/);
  });

  it('starts entry points that the build makes, with settings that the configuration knows', () => {
    for (const [name, service] of ours) {
      const entry = service.command!.find((part) => part.endsWith('.js'))!;
      expect(there(entry.replace(/^dist\//, '').replace(/\.js$/, '.ts')), `${name}: ${entry}`).toBe(true);
      for (const key of Object.keys(service.environment!)) expect(Object.keys(configKeys), `${name}: ${key}`).toContain(key);
    }
  });

  it('waits for services that exist, and for their health only where they tell it', () => {
    for (const [name, service] of services)
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(compose.services[other], `${name} → ${other}`).toBeDefined();
        if (condition === 'service_healthy') expect(compose.services[other]!.healthcheck, `${name} → ${other}`).toBeDefined();
      }
  });

  it('names each volume it mounts, keeps plaintext off disks, and opens no port to other machines', () => {
    for (const [name, service] of services) {
      for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes), name).toContain(volume.split(':')[0]);
      for (const port of service.ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    }
    for (const [name, service] of ours) expect(service.tmpfs?.[0], name).toMatch(/^\/var\/lib\/assent\/scratch:mode=0700/);
  });

  it('holds no secret: each comes from the environment, and a missing one stops it', () => {
    const secrets = read('docker-compose.yml').match(/\$\{(\w*(PASSWORD|SECRET)\w*)[^}]*\}/g)!;
    expect(secrets.length).toBeGreaterThan(4);
    for (const secret of secrets) expect(secret).toMatch(/^\$\{\w+:\?/);
  });

  it('is read by Compose where there is one', ({ skip }) => {
    const env = { PATH: process.env['PATH'], POSTGRES_PASSWORD: 'a', VALKEY_PASSWORD: 'b', S3_SECRET_KEY: 'c' };
    const done = spawnSync('docker', ['compose', '-f', join(packageRoot(), 'docker-compose.yml'), 'config', '--quiet'], {
      encoding: 'utf8',
      env,
    });
    if (done.error || /unknown command|is not a docker command|unknown shorthand/.test(done.stderr))
      skip('no docker compose here');
    expect(done.status, done.stderr).toBe(0);
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').replaceAll('\\\n', ' ').split('\n').filter((line) => line !== '' && !line.startsWith('#')); // prettier-ignore
  const of = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

  it('copies what exists, and runs scripts that exist', () => {
    for (const copy of of('COPY').filter((line) => !line.startsWith('--from')))
      for (const source of copy.split(' ').slice(0, -1)) expect(there(source), source).toBe(true);
    expect(of('RUN')[0]).toBe('node scripts/release.mjs');
    for (const source of [
      'apps',
      'libs',
      'migrations',
      'models',
      'assets',
      'bin',
      'scripts',
      'openapi.json',
      'package-lock.json',
    ])
      expect(of('COPY').join(' '), source).toContain(source);
  });

  it('stands on an LTS of Node that package.json allows, with Debian’s ffmpeg and bubblewrap, and ends as an unprivileged user', () => {
    const major = Number(/^NODE_VERSION=(\d+)$/.exec(of('ARG')[0]!)![1]);
    expect(major % 2).toBe(0);
    expect(major).toBeGreaterThanOrEqual(22);
    for (const base of of('FROM')) expect(base).toMatch(/^node:\$\{NODE_VERSION\}-bookworm-slim/);
    expect(of('RUN').join()).toMatch(/apt-get install -y --no-install-recommends ffmpeg bubblewrap/);
    expect(of('USER')).toEqual(['node']);
    expect(lines.findIndex((line) => line.startsWith('USER'))).toBeLessThan(lines.findIndex((line) => line.startsWith('CMD')));
  });

  it('sets only what the configuration knows, and starts an entry point that the build makes', () => {
    const set = of('ENV').join(' ').split(/\s+/).map((pair) => pair.split('=')[0]!); // prettier-ignore
    for (const key of set) expect(Object.keys(configKeys)).toContain(key);
    const [, , entry] = JSON.parse(of('CMD')[0]!) as string[];
    expect(there(entry!.replace(/^dist\//, '').replace(/\.js$/, '.ts'))).toBe(true);
  });

  it('sends neither history, secrets nor local state to the builder', () => {
    const ignored = read('.dockerignore').split('\n');
    for (const name of ['.git', '.env', '.assent', 'node_modules', 'dist']) expect(ignored).toContain(name);
  });

  it('the release script proves the tree that CI built', () => {
    const done = spawnSync(process.execPath, ['scripts/release.mjs', '--prove'], { cwd: packageRoot(), encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stdout).toMatch(/release: every entry point is there/);
  });
});

it('.env.example names every setting of the configuration, and no other', () => {
  const named = [...read('.env.example').matchAll(/^# ([A-Z][A-Z0-9_]+)=/gm)].map(([, key]) => key!);
  expect(named.toSorted()).toEqual(Object.keys(configKeys).toSorted());
});
