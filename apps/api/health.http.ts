import { Inject } from '@nestjs/common';
import { z } from 'zod';
import { Call, Route, type RouteCall, RouteController, type RouteSpec } from '#http';
import type { Platform } from '../platform.module.ts';
import { PLATFORM } from './platform.token.ts';
import { type Check, readiness } from './readiness.ts';

const tag = 'operation';
const HEALTHZ = {
  method: 'GET', path: '/healthz', permission: 'public', tag,
  summary: 'Is the process alive',
  description: 'Asks nothing of anybody: a process that answers is not to be restarted.',
  responses: { 200: { description: 'Alive.', schema: z.strictObject({ status: z.literal('ok') }) } },
} as const satisfies RouteSpec; // prettier-ignore
const readyWire = z.strictObject({
  status: z.enum(['ready', 'not-ready']),
  checks: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});
const READYZ = {
  method: 'GET', path: '/readyz', permission: 'public', tag,
  summary: 'Can the process carry out what it accepts',
  description: 'Asks the database, the log, the signer and the object store.',
  responses: {
    200: { description: 'Ready.', schema: readyWire },
    503: { description: 'Send it no requests; `checks` says why.', schema: readyWire },
  },
} as const satisfies RouteSpec; // prettier-ignore

/** Anybody may ask, so one answer serves all who ask within a second. */
const SAME_ANSWER_MS = 1000;

@RouteController()
export class HealthController {
  #checks: { until: number; answer: Promise<Check[]> } | undefined;

  constructor(@Inject(PLATFORM) private readonly platform: Platform) {}

  @Route(HEALTHZ)
  alive(): object {
    return { status: 'ok' };
  }

  @Route(READYZ)
  async ready(@Call() { reply }: RouteCall<typeof READYZ>): Promise<z.input<typeof readyWire>> {
    const now = performance.now();
    if (this.#checks === undefined || this.#checks.until < now)
      this.#checks = { until: now + SAME_ANSWER_MS, answer: readiness(this.platform) };
    const checks = await this.#checks.answer;
    const ok = checks.every((check) => check.ok);
    reply.code(ok ? 200 : 503);
    return { status: ok ? 'ready' : 'not-ready', checks };
  }
}
