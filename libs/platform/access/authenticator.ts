import type { Principal } from '#kernel';
import { UnauthenticatedError } from './access.errors.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Links } from './links.ts';
import { parseToken } from './tokens.ts';

/** Turns the `Authorization` header into a principal. */
export class Authenticator {
  constructor(
    private readonly apiKeys: ApiKeys,
    private readonly links: Links,
  ) {}

  /** @throws UnauthenticatedError, LinkExpiredError */
  async authenticate(authorization: string | undefined): Promise<Principal> {
    const token = bearerToken(authorization);
    if (token === undefined) throw new UnauthenticatedError();
    if (parseToken(token)?.kind === 'asl') return this.links.authenticate(token);
    const principal = await this.apiKeys.authenticate(token);
    if (!principal) throw new UnauthenticatedError();
    return principal;
  }
}

/** RFC 6750 §2.1. A token in a path, a query or a body is not looked for: those end in logs. */
export const bearerToken = (authorization: string | undefined): string | undefined =>
  /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(authorization ?? '')?.[1];
