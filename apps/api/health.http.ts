import { z } from 'zod';
import { Route, RouteController, type RouteSpec } from '#http';

const HEALTHZ = {
  method: 'GET', path: '/healthz', permission: 'public', tag: 'operation',
  summary: 'Is the process alive',
  description: 'Asks nothing of anybody: a process that answers is not to be restarted.',
  responses: { 200: { description: 'Alive.', schema: z.strictObject({ status: z.literal('ok') }) } },
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class HealthController {
  @Route(HEALTHZ)
  alive(): object {
    return { status: 'ok' };
  }
}
