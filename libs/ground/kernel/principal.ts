export const ROLES = ['subject', 'operator', 'approver', 'auditor', 'admin', 'system'] as const;
export type Role = (typeof ROLES)[number];

/** Who acts. Every call of a service carries one; there is no ambient caller. */
export interface Principal {
  readonly tenantId: string;
  /** Opaque id of the actor: an API key id, a subject pseudonym, a process name. Never a person's name. */
  readonly actorId: string;
  readonly roles: readonly Role[];
  /** The request that this acts for: it follows the work into log lines and jobs. `[A-Za-z0-9-]{8,64}`. */
  readonly requestId?: string;
  /** Permissions that a key was narrowed to. Left out: all of its role. */
  readonly scopes?: readonly string[];
  /** A person who came through a link may act on this one consent only. */
  readonly link?: PersonLink;
}

/** `consent`: read, record and answer once. `manage`: look, pause, withdraw, for as long as the link lasts. */
export type LinkPurpose = 'consent' | 'manage';

export interface PersonLink {
  readonly id: string;
  readonly purpose: LinkPurpose;
  readonly subjectId: string;
  readonly consentId: string;
}
