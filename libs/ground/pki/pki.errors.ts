import { DomainError } from '#kernel';

/** There is no usable key, chain or anchor. Refused before any work, so that no good render is made for the bin (case PR-03). */
export class SignerNotReadyError extends DomainError {
  override readonly problem = { slug: 'signer-not-ready', status: 503, title: 'The signer is not ready' } as const;
}
