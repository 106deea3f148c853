import type { ConsentService, PublicConsentStatus } from '#consent';
import { type Db } from '#db';
import { built, runIsolated } from '#kernel';
import { type VerificationReport, type VerifyOptions, readC2pa, verify } from '#provenance';
import type { VerificationKit } from './verification-kit.ts';
import type { VerifyChildRequest } from './verify-request.ts';

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
    private readonly kit?: VerificationKit,
  ) {}

  /** A file of our own, looked at in this process. Always answers with a report, also for a forgery. */
  async verify(path: string, options: VerifyOptions): Promise<PlatformVerification> {
    return this.#complete(await verify(path, options));
  }

  /**
   * A stranger's file: pictures and sound are decoded and searched in a child process, under a deadline. What could not be finished is
   * said in the report. Aborting ends the child and what it started.
   */
  async verifyUntrusted(
    path: string,
    { signal, workMs }: { signal: AbortSignal; workMs: number },
  ): Promise<PlatformVerification> {
    const deadline = AbortSignal.timeout(workMs);
    try {
      return await this.#complete(await this.#search(path, AbortSignal.any([signal, deadline])));
    } catch (error) {
      if (!deadline.aborted || signal.aborted) throw error;
      const { anchors } = this.#requireKit();
      const report = await verify(path, { anchors });
      const watermark = { state: 'cannot_tell' as const, reasons: ['took-too-long'] };
      return this.#complete({ ...report, watermark });
    }
  }

  /** Registry rows hold small pictures of a person: only those that the file itself leads to are fetched and handed on. */
  async #search(path: string, signal: AbortSignal): Promise<VerificationReport> {
    const { anchors, markKeys, tools, tier, searchMs } = this.#requireKit();
    const claimed = (await readC2pa(path, anchors)).softBindings.map(({ value }) => value);
    const marks = await this.#requireKit().marks.find(claimed);
    const look = (rows: readonly string[]): Promise<VerificationReport> =>
      runIsolated<VerifyChildRequest, VerificationReport>(
        built('libs/features/verification/verify.child.js'),
        {
          path,
          anchors,
          marks: rows,
          keys: markKeys.map(({ kid, key }) => ({ kid, key: Uint8Array.from(key) })),
          tools,
          tier,
          cpuBudgetMs: searchMs,
        },
        { signal },
      );
    const report = await look(marks);
    const { id } = report.watermark;
    if (id === undefined || claimed.includes(id)) return report;
    // A mark that no manifest named: with its row the pictures can be compared.
    const found = await this.#requireKit().marks.find([id]);
    return found.length > 0 ? look([...marks, ...found]) : report;
  }

  async #complete(report: VerificationReport): Promise<PlatformVerification> {
    // Only a trusted manifest may name a consent: a forgery that copied somebody's link must not show that person's status.
    const url = report.c2pa.state === 'trusted' ? report.c2pa.consent?.status_url : undefined;
    const token = url?.match(/\/consents\/([^/]+)\/status$/)?.[1];
    const consentStatus = token === undefined ? ('not-named' as const) : (await this.consent.status(token)).status;
    // By the event's id: no line is read to find one. The line then has to say it itself.
    const [entry] = await this.db.query<{ idx: string }>(
      `SELECT e.idx FROM renders r JOIN log_entries e ON e.event_id = r.published_event
       WHERE r.sha256 = $1 AND position($1 IN e.line) > 0 ORDER BY e.idx LIMIT 1`,
      [report.sha256],
    );
    const ended = consentStatus === 'withdrawn' || consentStatus === 'expired' || consentStatus === 'invalidated';
    const sentence = ended ? `${report.sentence} The consent has since ended (${consentStatus}).` : report.sentence;
    return { ...report, sentence, consentStatus, logIndex: entry ? Number(entry.idx) : null };
  }

  #requireKit(): VerificationKit {
    if (!this.kit) throw new Error('this process has no watermark keys to search with');
    return this.kit;
  }
}
