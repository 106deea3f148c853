import { readFileSync } from 'node:fs';
import type { Config, DomainError } from '#kernel';
import { storeName } from '#storage';
import type { PlatformUp } from './platform-supervisor.ts';

/** What a person needs to go on, once everything is up. */
export function banner(
  config: Config,
  up: PlatformUp,
  processes: readonly { name: string; pid: number | undefined }[],
  key: string | DomainError,
): string {
  const base = config.PUBLIC_URL ?? up.url;
  const database = up.embeddedDatabase === undefined ? 'DATABASE_URL' : `embedded PostgreSQL ${up.embeddedDatabase}`;
  const rows: [string, string][] = [
    ['consent page', `${base}/consent/   (each person gets a link of their own)`],
    ['verify page', `${base}/verify/`],
    ['API reference', `${base}/docs`],
    ['log', `${base}/log/checkpoint`],
    ['development key', typeof key === 'string' ? `${key}   (role admin, tenant dev)` : key.message],
    ['database', database],
    ['objects', storeName(config)],
    ['processes', processes.map(({ name, pid }) => `${name} ${memory(pid)}`).join(', ')],
  ];
  const warnings = [
    ...(isLoopback(config.HOST) ? [] : [`The API listens on ${config.HOST}: other machines reach it, without TLS.`]),
    ...(config.NODE_ENV === 'production' && up.embeddedDatabase !== undefined
      ? ['The embedded database is for development; set DATABASE_URL.']
      : []),
  ];
  return [
    '',
    `Assent is up (${(up.bootMs / 1000).toFixed(1)} s). Ctrl-C stops it.`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(16)} ${value}`),
    ...warnings.map((warning) => `  ! ${warning}`),
    '',
  ].join('\n');
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** Resident memory of a process; empty where the kernel does not tell. */
function memory(pid: number | undefined): string {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return found ? `${Math.round(Number(found[1]) / 1024)} MiB` : '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
