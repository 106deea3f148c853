import { Platform1764000001000 } from './0001_platform.ts';
import { Audit1764000002000 } from './0002_audit.ts';
import { Features1764000003000 } from './0003_features.ts';
import { JobDedupe1764000004000 } from './0004_job_dedupe.ts';
import { AuditDisclosures1764000005000 } from './0005_audit_disclosures.ts';

/** Forward-only, in order. A migration that has landed is never edited. */
export const migrations: (new () => object)[] = [
  Platform1764000001000,
  Audit1764000002000,
  Features1764000003000,
  JobDedupe1764000004000,
  AuditDisclosures1764000005000,
];
