import type { Trouble } from '../wire.ts';

/** Where the person is. One screen each. */
export type Step =
  | 'loading'
  | 'asked'
  | 'scope'
  | 'camera'
  | 'code'
  | 'recording'
  | 'review'
  | 'checking'
  | 'given'
  | 'manage'
  | 'refused'
  | 'later'
  | 'closed';

/** A code to be said, good for one capture. */
export interface Challenge {
  readonly captureId: string;
  readonly digits: string;
  readonly phrase: string;
  /** By the server's clock, milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface Flow {
  readonly step: Step;
  /** State of the consent, as the server said last. */
  readonly consentState: string;
  /** Purposes that are asked for, then permissions beyond a purpose, which begin with `+`: `+realtime`, `+export_model`. */
  readonly offered: readonly string[];
  /** What the person ticked. Nothing is ticked for them. */
  readonly chosen: readonly string[];
  readonly attemptsLeft: number;
  readonly way: 'camera' | 'file';
  readonly challenge: Challenge | null;
  readonly take: 'none' | 'running' | 'whole';
  readonly upload: 'none' | 'sending' | 'ready';
  readonly confirmed: boolean;
  /** Another tab holds the capture: offer to take over. */
  readonly elsewhere: boolean;
  /** A second click is awaited. */
  readonly asking: null | 'refuse' | 'withdraw' | 'pause';
  readonly trouble: Trouble | null;
}

export type FlowEvent =
  | { type: 'opened'; state: string; offered: readonly string[]; attemptsLeft: number; manage: boolean; trouble: Trouble | null }
  | { type: 'resumed'; challenge: Challenge; chosen: readonly string[]; way: Flow['way']; whole: boolean; begun: boolean }
  | {
      type:
        'read' | 'chose' | 'back' | 'elsewhere' | 'began' | 'finished' | 'retake' | 'upload-ready' | 'sent' | 'later' | 'cancel';
    }
  | { type: 'toggle'; choice: string }
  | { type: 'way'; way: Flow['way'] }
  | { type: 'challenged'; challenge: Challenge }
  | { type: 'camera-failed' | 'interrupted' | 'upload-failed' | 'code-lost' | 'trouble'; trouble: Trouble }
  | { type: 'confirm'; on: boolean }
  | { type: 'decided'; state: string; attemptsLeft: number; trouble: Trouble | null }
  | { type: 'ask'; what: 'refuse' | 'withdraw' | 'pause' }
  | { type: 'changed'; state: string }
  | { type: 'closed'; trouble: Trouble };

export const START: Flow = {
  step: 'loading',
  consentState: '',
  offered: [],
  chosen: [],
  attemptsLeft: 0,
  way: 'camera',
  challenge: null,
  take: 'none',
  upload: 'none',
  confirmed: false,
  elsewhere: false,
  asking: null,
  trouble: null,
};

/** Screens from which a person may still say no or come back another time: everything before the evidence is sent. */
const OPEN: readonly Step[] = ['asked', 'scope', 'camera', 'code', 'review'];
const STANDING = ['given', 'paused', 'withdrawn', 'revoked', 'expired', 'invalidated', 'superseded'];
const NO_TAKE = { take: 'none', upload: 'none', confirmed: false } as const;

/** What was ticked without the permissions beyond a purpose: those alone allow nothing. */
export const purposesOf = ({ chosen }: Pick<Flow, 'chosen'>): string[] => chosen.filter((choice) => !choice.startsWith('+'));

/** Everything that giving a consent needs, in one place: nothing is sent unless this holds. */
export const mayGive = (flow: Flow): boolean =>
  flow.step === 'review' &&
  purposesOf(flow).length > 0 &&
  flow.challenge !== null &&
  flow.take === 'whole' &&
  flow.upload === 'ready' &&
  flow.confirmed;

/**
 * The conversation with the person as a pure function. An event that does not belong to the screen changes nothing, so that a late
 * answer of the network or a second click cannot carry anybody over a step.
 */
export function next(flow: Flow, event: FlowEvent): Flow {
  const to = (step: Step, change: Partial<Flow> = {}): Flow => ({ ...flow, trouble: null, asking: null, ...change, step });
  const at = (...steps: Step[]): boolean => steps.includes(flow.step);
  switch (event.type) {
    case 'opened':
      return at('loading') ? opened(event) : flow;
    case 'resumed':
      return at('asked') ? resumed(flow, event) : flow;
    case 'read':
      return at('asked') ? to('scope') : flow;
    case 'toggle':
      return at('scope') && flow.offered.includes(event.choice) ? to('scope', { chosen: toggled(flow, event.choice) }) : flow;
    case 'chose':
      if (!at('scope')) return flow;
      return purposesOf(flow).length > 0 ? to('camera') : to('scope', { trouble: { slug: 'nothing-chosen' } });
    case 'back':
      return back(flow, to);
    case 'later':
      return at(...OPEN) ? to('later', NO_TAKE) : flow;
    case 'ask':
      return mayAsk(flow, event.what) ? { ...flow, asking: event.what } : flow;
    case 'cancel':
      return { ...flow, asking: null, elsewhere: false };
    case 'trouble':
      return { ...flow, trouble: event.trouble };
    case 'closed':
      return to('closed', { ...NO_TAKE, challenge: null, trouble: event.trouble });
    case 'changed':
      return changed(flow, event.state, to);
    default:
      return at('checking') ? decided(flow, event, to) : capture(flow, event, to, at);
  }
}

type To = (step: Step, change?: Partial<Flow>) => Flow;

/** From the camera check to the playback. */
function capture(flow: Flow, event: FlowEvent, to: To, at: (...steps: Step[]) => boolean): Flow {
  switch (event.type) {
    case 'way':
      return at('camera') ? to('camera', { way: event.way }) : flow;
    case 'camera-failed':
      return at('camera', 'code') ? to('camera', { trouble: event.trouble }) : flow;
    case 'elsewhere':
      return at('camera') ? to('camera', { elsewhere: true }) : flow;
    case 'challenged':
      return at('camera') && purposesOf(flow).length > 0
        ? to('code', { ...NO_TAKE, challenge: event.challenge, elsewhere: false })
        : flow;
    case 'began':
      return at('code') && flow.challenge ? to('recording', { ...NO_TAKE, take: 'running', upload: 'sending' }) : flow;
    case 'interrupted':
      // The same code again: an interruption is nobody's attempt.
      return at('recording') ? to('code', { ...NO_TAKE, trouble: event.trouble }) : flow;
    case 'finished':
      return at('recording') ? to('review', { take: 'whole' }) : flow;
    case 'retake':
      return at('review') ? to('code', NO_TAKE) : flow;
    case 'upload-ready':
      return at('review') && flow.take === 'whole' ? { ...flow, upload: 'ready' } : flow;
    case 'upload-failed':
      return at('recording', 'review') ? to('code', { ...NO_TAKE, trouble: event.trouble }) : flow;
    case 'code-lost':
      // Run out, or taken over by another tab: what was said for it is no answer any more.
      return at('code', 'recording', 'review') ? to('camera', { ...NO_TAKE, challenge: null, trouble: event.trouble }) : flow;
    case 'confirm':
      return at('review') ? to('review', { confirmed: event.on }) : flow;
    case 'sent':
      return mayGive(flow) ? to('checking', { consentState: 'evidence_pending' }) : flow;
    default:
      return flow;
  }
}

function opened(event: Extract<FlowEvent, { type: 'opened' }>): Flow {
  const { state, offered, attemptsLeft, trouble } = event;
  const flow = { ...START, consentState: state, offered, attemptsLeft, trouble };
  if (event.manage || STANDING.includes(state)) return { ...flow, step: 'manage', trouble: null };
  if (state === 'refused') return { ...flow, step: 'refused' };
  if (state === 'evidence_pending' || state === 'manual_review') return { ...flow, step: 'checking', trouble: null };
  if (state === 'abandoned' || attemptsLeft <= 0) return { ...flow, step: 'closed', trouble: { slug: 'consent-attempts-spent' } };
  return { ...flow, step: 'asked' };
}

/** After a reload: what this browser kept. A take that was cut off counts for nothing; a whole one goes on to the playback. */
function resumed(flow: Flow, event: Extract<FlowEvent, { type: 'resumed' }>): Flow {
  const chosen = event.chosen.filter((choice) => flow.offered.includes(choice));
  if (purposesOf({ chosen }).length === 0) return flow;
  const kept = { ...flow, chosen, way: event.way, challenge: event.challenge };
  if (event.whole) return { ...kept, step: 'review', take: 'whole', upload: 'sending', trouble: null };
  return { ...kept, step: 'camera', trouble: event.begun ? { slug: 'capture-interrupted' } : null };
}

/** The answer to the evidence: given, try again, or closed. A reviewer may take days: the screen then says so. */
function decided(flow: Flow, event: FlowEvent, to: To): Flow {
  if (event.type !== 'decided') return flow;
  const { state, attemptsLeft, trouble } = event;
  const change = { consentState: state, attemptsLeft };
  if (state === 'given') return to('given', change);
  if (state === 'refused') return to('refused', change);
  if (STANDING.includes(state)) return to('manage', change);
  if (state === 'evidence_pending' || state === 'manual_review') return { ...flow, ...change };
  if (state === 'abandoned' || attemptsLeft <= 0)
    return to('closed', { ...change, ...NO_TAKE, challenge: null, trouble: { slug: 'consent-attempts-spent' } });
  const failed = { ...change, ...NO_TAKE, challenge: null, trouble: trouble ?? { slug: 'evidence-failed' } };
  // What was ticked lives in this page only: after a reload they are asked again.
  return to(purposesOf(flow).length > 0 ? 'camera' : 'asked', failed);
}

function back(flow: Flow, to: To): Flow {
  switch (flow.step) {
    case 'scope':
    case 'later':
      return to('asked');
    case 'camera':
      return to('scope', { elsewhere: false });
    case 'code':
      return to('camera');
    default:
      return flow;
  }
}

/** A state that the person chose: refused, withdrawn, paused, resumed. */
function changed(flow: Flow, state: string, to: To): Flow {
  if (state === 'refused') return OPEN.includes(flow.step) ? to('refused', { ...NO_TAKE, consentState: state }) : flow;
  return flow.step === 'manage' || flow.step === 'given' ? to('manage', { consentState: state }) : flow;
}

const mayAsk = (flow: Flow, what: NonNullable<Flow['asking']>): boolean =>
  what === 'refuse'
    ? OPEN.includes(flow.step)
    : flow.step === 'manage' && (flow.consentState === 'given' || (what === 'withdraw' && flow.consentState === 'paused'));

const toggled = ({ chosen, offered }: Flow, choice: string): string[] =>
  offered.filter((one) => (one === choice ? !chosen.includes(one) : chosen.includes(one)));
