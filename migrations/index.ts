import { Platform1764000001000 } from './0001_platform.ts';
import { Audit1764000002000 } from './0002_audit.ts';
import { Features1764000003000 } from './0003_features.ts';
import { JobDedupe1764000004000 } from './0004_job_dedupe.ts';
import { AuditDisclosures1764000005000 } from './0005_audit_disclosures.ts';
import { Access1764000006000 } from './0006_access.ts';
import { DoorsMedia1764000007000 } from './0007_doors_media.ts';
import { ConsentDoors1764000008000 } from './0008_consent_doors.ts';
import { SealedMarks1764000009000 } from './0009_sealed_marks.ts';

/** Forward-only, in order. A migration that has landed is never edited. */
export const migrations: (new () => object)[] = [
  Platform1764000001000,
  Audit1764000002000,
  Features1764000003000,
  JobDedupe1764000004000,
  AuditDisclosures1764000005000,
  Access1764000006000,
  DoorsMedia1764000007000,
  ConsentDoors1764000008000,
  SealedMarks1764000009000,
];
