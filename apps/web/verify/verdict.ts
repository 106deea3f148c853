/** The report of `POST /v1/verify`, as far as the page reads it. Everything in it may be missing: an older server is no forgery. */
export interface Report {
  readonly verdict?: string;
  readonly sentence?: string;
  readonly sha256?: string;
  readonly checks?: readonly { readonly name: string; readonly outcome: string; readonly detail: string }[];
  readonly c2pa?: {
    readonly state?: string;
    readonly reasons?: readonly string[];
    readonly signer?: string;
    readonly signed_at?: string;
    readonly consent?: { readonly assurance?: string; readonly record_sha256?: string };
  };
  readonly watermark?: { readonly state?: string; readonly id?: string };
  readonly consent_status?: string;
  readonly log_index?: number | null;
}

/** How the first sentence is coloured. Only `good` vouches for anything. */
export type Tone = 'good' | 'caution' | 'bad' | 'unknown';

export interface Verdict {
  readonly tone: Tone;
  /** Key of the first sentence. */
  readonly say: string;
  /** Keys of what else must be said at once. */
  readonly also: readonly string[];
}

const ENDED = ['withdrawn', 'expired', 'invalidated'];
const NOT_READ: Readonly<Record<string, string>> = {
  'media-empty': 'say.empty',
  'upload-too-large': 'say.too-large',
  'media-type-unsupported': 'say.unsupported',
};

/**
 * The plain sentence. What speaks against a file comes first; then what vouches for it; and a file without marks is never more than
 * unknown: anybody can take marks off, and most true pictures never had any.
 */
export function readVerdict(report: Report): Verdict {
  const { state = 'unknown', reasons = [] } = report.c2pa ?? {};
  const mark = report.watermark?.state ?? 'not_looked';
  const marked = mark === 'match' || mark === 'derived';
  if (mark === 'transplant_suspected') return verdict('bad', 'say.transplant');
  switch (state) {
    case 'trusted':
      return report.verdict === 'trusted' ? vouched(report) : verdict('bad', 'say.contradiction');
    case 'tampered':
    case 'revoked':
    case 'ingredient-failed':
      return verdict('bad', `say.${state}`, marked ? ['also.marked'] : []);
    case 'expired':
    case 'valid-untrusted':
      return verdict('caution', `say.${state}`, marked ? ['also.marked'] : []);
    case 'none':
      if (marked) return verdict('caution', 'say.mark-only');
      return verdict('unknown', 'say.none', mark === 'none' ? ['also.no-mark'] : ['also.mark-unknown']);
    case 'unparsable':
      return verdict('unknown', NOT_READ[reasons[0] ?? ''] ?? 'say.unparsable', marked ? ['also.marked'] : []);
    default:
      return verdict('unknown', 'say.unknown');
  }
}

function vouched({ c2pa, consent_status: status = 'unknown' }: Report): Verdict {
  if (!c2pa?.consent || status === 'not-named') return verdict('caution', 'say.signed', ['also.no-consent']);
  if (status === 'valid') return verdict('good', 'say.replica', ['also.consent-valid']);
  if (status === 'paused') return verdict('caution', 'say.replica', ['also.consent-paused']);
  if (ENDED.includes(status)) return verdict('bad', 'say.replica', [`also.consent-${status}`]);
  return verdict('caution', 'say.replica', ['also.consent-unknown']);
}

const verdict = (tone: Tone, say: string, also: readonly string[] = []): Verdict => ({ tone, say, also });
