import type { Principal, Role } from '#kernel';

/**
 * Who may do what: the whole table, deny by default. A permission that a role is not named under is refused, and a route without a
 * permission does not start. `system` is in no row: our own processes call services, never routes.
 */
export const PERMISSIONS = {
  'subjects.read': ['operator', 'approver', 'admin'],
  'subjects.write': ['operator', 'admin'],
  // Irreversible, so not an operator's daily business.
  'subjects.erase': ['admin'],
  'consents.request': ['operator', 'admin'],
  'consents.read': ['subject', 'operator', 'approver', 'auditor', 'admin'],
  // Nobody gives, pauses, resumes or ends a consent for somebody else.
  'consents.answer': ['subject'],
  'consents.end': ['subject'],
  'uploads.create': ['subject', 'operator', 'admin'],
  'uploads.read': ['subject', 'operator', 'admin'],
  'trainings.create': ['operator', 'admin'],
  'trainings.read': ['operator', 'approver', 'admin'],
  'trainings.cancel': ['operator', 'admin'],
  'replicas.read': ['operator', 'approver', 'admin'],
  'renders.create': ['operator', 'admin'],
  'renders.read': ['operator', 'approver', 'admin'],
  'renders.download': ['operator', 'approver', 'admin'],
  'renders.cancel': ['operator', 'admin'],
  // Not the operator's: who is watched does not choose what the watcher sees.
  'audit.export': ['auditor', 'admin'],
  'audit.read': ['auditor', 'admin'],
  'keys.manage': ['admin'],
  'metrics.read': ['operator', 'admin'],
  'session.read': ['subject'],
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof PERMISSIONS;
export const PERMISSION_NAMES = Object.keys(PERMISSIONS) as [Permission, ...Permission[]];

/** What a manage link may do: everything of a person but to answer, which a consent link is for. */
const NOT_BY_MANAGE_LINK: ReadonlySet<Permission> = new Set(['consents.answer', 'uploads.create']);

/** Whether a role holds a permission, whoever has the role. */
export const roleMay = (role: Role, permission: Permission): boolean =>
  Object.hasOwn(PERMISSIONS, permission) && (PERMISSIONS[permission] as readonly Role[]).includes(role);

/** The one question of the guard: a role of the caller holds the permission, and neither scopes nor the link's purpose exclude it. */
export function may(principal: Principal, permission: Permission): boolean {
  if (principal.scopes !== undefined && !principal.scopes.includes(permission)) return false;
  if (principal.link?.purpose === 'manage' && NOT_BY_MANAGE_LINK.has(permission)) return false;
  return principal.roles.some((role) => roleMay(role, permission));
}
