import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Authenticator, type Permission, PermissionDeniedError, may } from '#access';
import { Audit } from '#audit';
import { Db } from '#db';
import type { Principal } from '#kernel';
import { ROUTE_SPEC, type RouteSpec } from './route.ts';

/** Who calls where nobody needs to be known. */
export const ANONYMOUS: Principal = { tenantId: 'public', actorId: 'anonymous', roles: [] };

/** Stands before every handler. Deny by default: a handler that declares nothing is a fault of the program, and is not run. */
@Injectable()
export class PermissionGuard implements CanActivate {
  constructor(
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(Db) private readonly db: Db,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /** @throws UnauthenticatedError, LinkExpiredError, PermissionDeniedError */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const spec = Reflect.getMetadata(ROUTE_SPEC, context.getHandler()) as RouteSpec | undefined;
    if (!spec) throw new Error(`${context.getClass().name}.${context.getHandler().name} declares no route`);
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (spec.permission === 'public') {
      request.principal = { ...ANONYMOUS, requestId: request.id };
      return true;
    }
    const known = await this.authenticator.authenticate(request.headers.authorization);
    const principal = { ...known, requestId: request.id };
    request.principal = principal;
    if (!may(principal, spec.permission)) throw await this.#refuse(principal, spec.permission);
    return true;
  }

  /** The refusal is in the log before it is on the wire: who asked for what, never for which path. */
  async #refuse(principal: Principal, action: Permission): Promise<PermissionDeniedError> {
    await this.db.tx((tx) =>
      this.audit.append(tx, principal, { kind: 'access.denied', data: { action, slug: 'permission-denied' } }),
    );
    const why = principal.scopes === undefined ? `the role ${principal.roles.join(', ')}` : 'the scopes of this key';
    return new PermissionDeniedError(`This needs ${action}, which ${why} does not hold. Ask an admin for another key.`, {
      permission: action,
    });
  }
}
