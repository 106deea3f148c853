import type { ConsentService, PublicConsentStatus } from '#consent';
import { type Db } from '#db';
import { type VerificationReport, type VerifyOptions, verify } from '#provenance';

/** What the engine found, with what only the platform knows: is the consent still valid, and does the log name this render? */
export interface PlatformVerification extends VerificationReport {
  readonly consentStatus: PublicConsentStatus | 'not-named';
  /** Index of the log entry that published these bytes. */
  readonly logIndex: number | null;
}

export class VerificationService {
  constructor(
    private readonly db: Db,
    private readonly consent: ConsentService,
  ) {}

  /** Always answers with a report, also for a forgery. */
  async verify(path: string, options: VerifyOptions): Promise<PlatformVerification> {
    const report = await verify(path, options);
    // Only a trusted manifest may name a consent: a forgery that copied somebody's link must not show that person's status.
    const url = report.c2pa.state === 'trusted' ? report.c2pa.consent?.status_url : undefined;
    const token = url?.match(/\/consents\/([^/]+)\/status$/)?.[1];
    const consentStatus = token === undefined ? ('not-named' as const) : (await this.consent.status(token)).status;
    const [entry] = await this.db.query<{ idx: string }>(
      `SELECT idx FROM log_entries WHERE line::jsonb ->> 'type' = 'render.published' AND line::jsonb #>> '{data,sha256}' = $1 ORDER BY idx LIMIT 1`,
      [report.sha256],
    );
    const ended = consentStatus === 'withdrawn' || consentStatus === 'expired' || consentStatus === 'invalidated';
    const sentence = ended ? `${report.sentence} The consent has since ended (${consentStatus}).` : report.sentence;
    return { ...report, sentence, consentStatus, logIndex: entry ? Number(entry.idx) : null };
  }
}
