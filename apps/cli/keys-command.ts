import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ApiKeys, KEY_ROLES, type KeyRole } from '#access';
import { Audit } from '#audit';
import { migrate, openDb } from '#db';
import { loadConfig } from '#kernel';
import { KeyStore } from '#keys';
import { migrations } from '#migrations';
import { UsageError } from './demo-options.ts';
import { withDatabase } from './with-database.ts';

const USAGE = `assent keys issue --tenant T --role ${KEY_ROLES.join('|')} [--label TEXT] [--days N]`;

/** The first key of a tenant: whoever may run this on the machine holds its database and its key store anyway. The key goes to stdout alone. */
export async function keysCommand(args: string[]): Promise<number> {
  const { tenant, role, label, days } = readOptions(args);
  const config = loadConfig();
  await withDatabase(config, async (url) => {
    const db = await openDb({ url, poolSize: 2, migrations });
    try {
      await migrate(db);
      const keys = await KeyStore.open(join(config.ASSENT_HOME, 'keys'));
      const issued = await new ApiKeys(db, new Audit(keys), keys).issue(
        { tenantId: tenant, actorId: 'assent-cli', roles: ['system'] },
        { role, label, ...(days === undefined ? {} : { expiresAt: new Date(Date.now() + days * 86_400_000) }) },
      );
      console.error(`Key ${issued.id} of role ${role} for tenant ${tenant}. It is shown once:`);
      console.log(issued.key);
    } finally {
      await db.dataSource.destroy();
    }
  });
  return 0;
}

function readOptions([act, ...args]: string[]): { tenant: string; role: KeyRole; label: string; days: number | undefined } {
  if (act !== 'issue') throw new UsageError(USAGE);
  let values;
  try {
    const text = { type: 'string' } as const;
    ({ values } = parseArgs({ args, strict: true, options: { tenant: text, role: text, label: text, days: text } }));
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n${USAGE}`);
  }
  const { tenant, role } = values;
  if (tenant === undefined || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(tenant))
    throw new UsageError(`--tenant is a name of a-z, 0-9 and dashes.\n${USAGE}`);
  if (!(KEY_ROLES as readonly (string | undefined)[]).includes(role))
    throw new UsageError(`--role is one of ${KEY_ROLES.join(', ')}.\n${USAGE}`);
  const days = values.days === undefined ? undefined : Number(values.days);
  if (days !== undefined && (!Number.isInteger(days) || days < 1))
    throw new UsageError(`--days is a whole number from 1.\n${USAGE}`);
  return { tenant, role: role as KeyRole, label: values.label ?? 'made by assent keys issue', days };
}
