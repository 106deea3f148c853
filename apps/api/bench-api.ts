import { type BenchFigure } from '#kernel';

export interface ApiBench {
  /** A running API, `http://127.0.0.1:7700`. */
  readonly url: string;
  /** An operator's key: it makes subjects, so use a tenant for tests. */
  readonly key: string;
  readonly clients?: number;
  /** Of each kind. */
  readonly requests?: number;
  /** Media to verify at `POST /v1/verify`; without one that figure is left out. */
  readonly file?: Uint8Array<ArrayBuffer>;
}

/**
 * What the doors cost: p50, p95 and rate of creating, reading and verifying with 50 clients at once. The clients run in this process, so
 * on a small machine they take their share of the same cores: the figures are an upper bound of the latency.
 */
export async function benchApi({ url, key, clients = 50, requests = 1000, file }: ApiBench): Promise<BenchFigure[]> {
  const authorization = `Bearer ${key}`;
  const headers = { authorization, 'content-type': 'application/json' };
  const create = (): Promise<Response> => fetch(`${url}/v1/subjects`, { method: 'POST', headers, body: '{"name":"bench"}' });
  const first = (await (await create()).json()) as { id?: string };
  if (first.id === undefined) throw new Error('bench api: the key may not make subjects');
  const read = (): Promise<Response> => fetch(`${url}/v1/subjects/${first.id}`, { headers: { authorization } });
  const figures = [
    ...(await measure(`create, ${clients} clients`, clients, requests, create)),
    ...(await measure(`read, ${clients} clients`, clients, requests, read)),
  ];
  if (file) {
    const verify = (): Promise<Response> =>
      fetch(`${url}/v1/verify`, { method: 'POST', headers: { 'content-type': 'application/octet-stream' }, body: file });
    const name = `verify ${(file.length / 1e6).toFixed(1)} MB, ${clients} clients`;
    figures.push(...(await measure(name, clients, clients * 2, verify, new Set([200, 429, 503]))));
  }
  return figures;
}

async function measure(
  name: string,
  clients: number,
  requests: number,
  ask: () => Promise<Response>,
  expected: ReadonlySet<number> = new Set([200, 201]),
): Promise<BenchFigure[]> {
  const times: number[] = [];
  let refused = 0;
  let left = requests;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (left-- > 0) {
        const before = performance.now();
        const response = await ask();
        await response.arrayBuffer();
        if (!expected.has(response.status)) throw new Error(`bench api: ${name} was answered with ${response.status}`);
        // A limiter that says no is quick: counted apart, or it would make the figures look good.
        if (response.ok) times.push(performance.now() - before);
        else refused++;
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => Math.round((times[Math.floor(share * (times.length - 1))] ?? 0) * 10) / 10;
  return [
    { name: `${name}: p50`, value: at(0.5), unit: 'ms' },
    { name: `${name}: p95`, value: at(0.95), unit: 'ms' },
    { name: `${name}: rate`, value: Math.round(times.length / seconds), unit: '1/s' },
    ...(refused === 0 ? [] : [{ name: `${name}: refused (429, 503)`, value: refused, unit: 'requests' }]),
  ];
}
