import { type ProblemDocument, DomainError } from '#kernel';
import type { JobRow } from '#queue';

/** A job ended with a refusal or a fault; carries its problem document on. */
export class JobProblem extends DomainError {
  override readonly problem;
  constructor(document: ProblemDocument) {
    super(document.detail);
    this.problem = { slug: document.code, status: document.status, title: document.title };
  }
}

const cancelledProblem = (reason: string | null): ProblemDocument => ({
  type: 'about:blank',
  title: 'The job was cancelled',
  status: 409,
  detail: `The job was cancelled (${reason ?? 'user'}).`,
  code: 'job-cancelled',
});

/** Whether the job is done. @throws JobProblem when it ended in any other way. */
export function requireGoingWell(job: JobRow): boolean {
  if (job.state === 'failed' || job.state === 'cancelled') throw new JobProblem(job.error ?? cancelledProblem(job.cancel_reason));
  return job.state === 'succeeded';
}

/** One line for the terminal and the report; a bug behind a job's "internal error" is named too. */
export function describeProblem(problem: unknown, faults: readonly unknown[]): string {
  if (problem instanceof DomainError) {
    const cause = problem.problem.slug === 'internal-error' && faults.length > 0 ? ` (${String(faults[0])})` : '';
    return `${problem.problem.slug}: ${problem.message}${cause}`;
  }
  return String(problem);
}
