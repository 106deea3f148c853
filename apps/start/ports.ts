import { createServer } from 'node:net';
import { DomainError } from '#kernel';

/** Somebody else listens there, or we may not. */
export class PortUnavailableError extends DomainError {
  override readonly problem = { slug: 'port-unavailable', status: 409, title: 'The API cannot listen on its address' } as const;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'needs more rights than this user has',
  EADDRNOTAVAIL: 'is not an address of this machine',
  ENOTFOUND: 'is not a known host',
};

/**
 * The port that the API will listen on, known before anything is started. 0 takes a free one. Between this look and the API's own
 * listening somebody may come in between; then the API's own error is shown.
 * @throws PortUnavailableError
 */
export function requirePort(host: string, port: number): Promise<number> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const reason = REASONS[error.code ?? ''] ?? `cannot be used (${error.code})`;
      fail(
        new PortUnavailableError(`${host}:${port} ${reason}. Stop it, or set PORT and HOST to something else.`, { host, port }),
      );
    });
    probe.listen(port, host, () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address ? address.port : port));
    });
  });
}
