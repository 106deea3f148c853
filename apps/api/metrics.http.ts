import { Inject } from '@nestjs/common';
import type pg from 'pg';
import { Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { z } from 'zod';
import { Call, RequestLog, Route, type RouteCall, RouteController, type RouteSpec } from '#http';
import type { Platform } from '../platform.module.ts';
import { PLATFORM } from './platform.token.ts';
import { logBacklog, logSize } from './readiness.ts';

const METRICS = {
  method: 'GET', path: '/metrics', permission: 'metrics.read', tag: 'operation',
  summary: 'Figures for Prometheus',
  description: 'Give the scraper a key of its own with the one scope `metrics.read`.',
  responses: { 200: { description: 'Text format 0.0.4.', mediaType: 'text/plain', schema: z.string() } },
} as const satisfies RouteSpec; // prettier-ignore

/** Seconds; from a cached read to a verification of 200 MB. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** No label holds an id, an address or a name: routes are patterns, statuses are numbers. */
@RouteController()
export class MetricsController {
  readonly #registry = new Registry();
  readonly #samplePool: () => void;

  constructor(@Inject(PLATFORM) platform: Platform, @Inject(RequestLog) log: RequestLog) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    const requests = new Histogram({
      name: 'assent_http_request_seconds',
      help: 'Requests by route pattern, from first byte to last',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS,
      registers,
    });
    log.listen(({ method, route, status, ms }) => requests.observe({ method, route, status: String(status) }, ms / 1000));
    new Gauge({
      name: 'assent_jobs',
      help: 'Jobs by kind and state',
      labelNames: ['kind', 'state'],
      registers,
      async collect() {
        const found = await platform.db.query<{ kind: string; state: string; n: number }>(
          'SELECT kind, state, count(*)::int AS n FROM jobs GROUP BY kind, state',
        );
        this.reset();
        for (const { kind, state, n } of found) this.set({ kind, state }, n);
      },
    });
    watchLog(platform, registers);
    this.#samplePool = watchPool(platform, registers);
  }

  @Route(METRICS)
  async metrics(@Call() { reply }: RouteCall<typeof METRICS>): Promise<string> {
    this.#samplePool();
    reply.type(this.#registry.contentType);
    return this.#registry.metrics();
  }
}

function watchLog(platform: Platform, registers: Registry[]): void {
  new Gauge({
    name: 'assent_log_entries',
    help: 'Entries below the newest signed checkpoint',
    registers,
    async collect() {
      this.set(await logSize(platform));
    },
  });
  const age = new Gauge({
    name: 'assent_log_backlog_seconds',
    help: 'Age of the oldest record that is not in the log',
    registers,
  });
  new Gauge({
    name: 'assent_log_backlog',
    help: 'Records that are committed and not yet in the log',
    registers,
    async collect() {
      const { rows, seconds } = await logBacklog(platform.db);
      this.set(rows);
      age.set(seconds);
    },
  });
}

/** Taken before anything is asked: the questions of a scrape wait for connections themselves. */
function watchPool(platform: Platform, registers: Registry[]): () => void {
  const { master } = platform.db.dataSource.driver as unknown as { master: pg.Pool };
  const connections = new Gauge({
    name: 'assent_db_connections',
    help: "Connections of this process's pool; waiting: queries that got none yet",
    labelNames: ['state'],
    registers,
  });
  return () => {
    connections.set({ state: 'busy' }, master.totalCount - master.idleCount);
    connections.set({ state: 'idle' }, master.idleCount);
    connections.set({ state: 'waiting' }, master.waitingCount);
  };
}
