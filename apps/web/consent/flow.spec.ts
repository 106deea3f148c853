import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Challenge, type Flow, type FlowEvent, START, mayGive, next, purposesOf } from './flow.ts';

const OFFERED = ['training', 'async_video', '+export_model'];
const challenge: Challenge = { captureId: 'c1', digits: '482913', phrase: '…', expiresAt: 1 };
const trouble = { slug: 'x' };
const opened = (state: string, more: Partial<Extract<FlowEvent, { type: 'opened' }>> = {}): FlowEvent => ({
  type: 'opened', state, offered: OFFERED, attemptsLeft: 5, manage: false, trouble: null, ...more,
}); // prettier-ignore
const walk = (...events: FlowEvent[]): Flow => events.reduce(next, START);

const TO_REVIEW: FlowEvent[] = [
  opened('draft'),
  { type: 'read' },
  { type: 'toggle', choice: 'async_video' },
  { type: 'chose' },
  { type: 'challenged', challenge },
  { type: 'began' },
  { type: 'finished' },
];
const TO_CHECKING: FlowEvent[] = [...TO_REVIEW, { type: 'upload-ready' }, { type: 'confirm', on: true }, { type: 'sent' }];

const anyEvent: fc.Arbitrary<FlowEvent> = fc.oneof(
  fc.constantFrom<FlowEvent>(
    ...(
      ['read', 'chose', 'back', 'elsewhere', 'began', 'finished', 'retake', 'upload-ready', 'sent', 'later', 'cancel'] as const
    ).map((type): FlowEvent => ({ type })),
    ...(['camera-failed', 'interrupted', 'upload-failed', 'code-lost', 'trouble'] as const).map((type): FlowEvent => ({
      type,
      trouble,
    })),
    ...OFFERED.map((choice): FlowEvent => ({ type: 'toggle', choice })),
    { type: 'toggle', choice: 'advertising' },
    { type: 'challenged', challenge },
    { type: 'confirm', on: true },
    { type: 'confirm', on: false },
    { type: 'way', way: 'file' },
    { type: 'way', way: 'camera' },
    { type: 'ask', what: 'refuse' },
    { type: 'ask', what: 'withdraw' },
    { type: 'changed', state: 'refused' },
    { type: 'resumed', challenge, chosen: ['async_video', 'advertising'], way: 'camera', whole: true, begun: true },
  ),
  fc
    .constantFrom('given', 'evidence_failed', 'evidence_pending', 'abandoned')
    .map((state): FlowEvent => ({ type: 'decided', state, attemptsLeft: 2, trouble: null })),
);
/** Some way along the straight road, then anything: from the first screen alone, chance hardly ever comes to the last. */
const anyWalk = fc
  .tuple(fc.nat({ max: TO_CHECKING.length - 1 }), fc.array(anyEvent, { maxLength: 40 }))
  .map(([steps, events]) => [...TO_CHECKING.slice(1, steps + 1), ...events]);

describe('the conversation of the consent page', () => {
  it('opens at the screen that belongs to the state of the consent', () => {
    expect(walk(opened('draft')).step).toBe('asked');
    expect(walk(opened('evidence_failed')).step).toBe('asked');
    expect(walk(opened('evidence_pending')).step).toBe('checking');
    expect(walk(opened('refused')).step).toBe('refused');
    expect(walk(opened('abandoned')).step).toBe('closed');
    expect(walk(opened('requested', { attemptsLeft: 0 })).trouble?.slug).toBe('consent-attempts-spent');
    for (const state of ['given', 'paused', 'withdrawn', 'expired']) expect(walk(opened(state)).step).toBe('manage');
  });

  it('presets nothing, and does not go on without a purpose', () => {
    const scope = walk(opened('draft'), { type: 'read' });
    expect(scope.chosen).toEqual([]);
    expect(next(scope, { type: 'chose' })).toMatchObject({ step: 'scope', trouble: { slug: 'nothing-chosen' } });
    const extra = next(scope, { type: 'toggle', choice: '+export_model' });
    expect(next(extra, { type: 'chose' }).step).toBe('scope');
  });

  it('goes back to the same code after an interruption, and to a new one when the code is lost', () => {
    const running = walk(...TO_REVIEW.slice(0, -1));
    expect(next(running, { type: 'interrupted', trouble })).toMatchObject({
      step: 'code',
      challenge,
      take: 'none',
      chosen: ['async_video'],
    });
    expect(next(running, { type: 'code-lost', trouble })).toMatchObject({
      step: 'camera',
      challenge: null,
      chosen: ['async_video'],
    });
  });

  it('takes up a whole take after a reload, drops a cut one, and never more than was asked for', () => {
    const kept = { challenge, way: 'camera', begun: true } as const;
    const asked = walk(opened('requested'));
    expect(next(asked, { type: 'resumed', ...kept, chosen: ['async_video', 'advertising'], whole: true })).toMatchObject({ step: 'review', chosen: ['async_video'] });
    expect(next(asked, { type: 'resumed', ...kept, chosen: ['async_video'], whole: false })).toMatchObject({ step: 'camera', trouble: { slug: 'capture-interrupted' } });
    expect(next(asked, { type: 'resumed', ...kept, chosen: ['advertising'], whole: true }).step).toBe('asked');
  }); // prettier-ignore

  it('asks only for the clip again when the check fails, until no try is left', () => {
    const checking = walk(...TO_CHECKING);
    expect(checking.step).toBe('checking');
    const failed = next(checking, { type: 'decided', state: 'evidence_failed', attemptsLeft: 4, trouble });
    expect(failed).toMatchObject({ step: 'camera', chosen: ['async_video'], challenge: null, attemptsLeft: 4, trouble });
    expect(next(checking, { type: 'decided', state: 'evidence_failed', attemptsLeft: 0, trouble }).step).toBe('closed');
    expect(next(checking, { type: 'decided', state: 'given', attemptsLeft: 4, trouble: null }).step).toBe('given');
  });

  it('wants two clicks to refuse, pause and withdraw, and no more refusal once the evidence is sent', () => {
    const given = walk(opened('given'));
    expect(next(given, { type: 'ask', what: 'withdraw' }).asking).toBe('withdraw');
    expect(next(walk(opened('withdrawn')), { type: 'ask', what: 'withdraw' }).asking).toBeNull();
    expect(next(walk(opened('paused')), { type: 'ask', what: 'pause' }).asking).toBeNull();
    expect(next(walk(...TO_CHECKING), { type: 'ask', what: 'refuse' }).asking).toBeNull();
    expect(walk(...TO_REVIEW, { type: 'changed', state: 'refused' })).toMatchObject({ step: 'refused', take: 'none' });
  });

  it('sends evidence only with a purpose, a code, a whole clip at the server and a confirmation, however events arrive', () => {
    fc.assert(
      fc.property(anyWalk, (events) => {
        let flow = next(START, opened('draft'));
        for (const event of events) {
          const before = flow;
          flow = next(before, event);
          expect(purposesOf(flow).every((purpose) => OFFERED.includes(purpose))).toBe(true);
          if (flow.step === 'checking' && before.step !== 'checking') {
            expect(mayGive(before)).toBe(true);
            expect([before.take, before.upload, before.confirmed]).toEqual(['whole', 'ready', true]);
            expect(before.challenge).not.toBeNull();
          }
          if (flow.step === 'given') expect(['checking', 'given']).toContain(before.step);
          if (flow.step === 'recording') expect(flow.challenge).not.toBeNull();
          if (flow.step === 'refused' && before.step !== 'refused') expect(event).toEqual({ type: 'changed', state: 'refused' });
        }
      }),
      { numRuns: 400 },
    );
  });

  it('forgets a confirmation whenever the clip is another one', () => {
    fc.assert(
      fc.property(anyWalk, (events) => {
        let flow = next(START, opened('draft'));
        for (const event of events) {
          flow = next(flow, event);
          if (flow.take !== 'whole') expect([flow.confirmed, flow.upload === 'ready']).toEqual([false, false]);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('can always be left by no, before the evidence is sent', () => {
    fc.assert(
      fc.property(anyWalk, (events) => {
        const flow = events.reduce(next, next(START, opened('draft')));
        if (!['asked', 'scope', 'camera', 'code', 'review'].includes(flow.step)) return;
        expect(next(flow, { type: 'ask', what: 'refuse' }).asking).toBe('refuse');
        expect(next(flow, { type: 'changed', state: 'refused' }).step).toBe('refused');
        expect(next(flow, { type: 'later' })).toMatchObject({ step: 'later', take: 'none' });
      }),
    );
  });
});
