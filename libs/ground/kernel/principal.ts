export const ROLES = ['subject', 'operator', 'approver', 'auditor', 'admin', 'system'] as const;
export type Role = (typeof ROLES)[number];

/** Who acts. Every call of a service carries one; there is no ambient caller. */
export interface Principal {
  readonly tenantId: string;
  /** Opaque id of the actor: an API key id, a subject pseudonym, a process name. Never a person's name. */
  readonly actorId: string;
  readonly roles: readonly Role[];
}
