import { Transitions } from '#kernel';

export const RENDER_STATES = [
  'requested', 'denied', 'awaiting_approval', 'queued', 'rendering', 'marking', 'self_check', 'published', 'quarantined', 'disabled',
  'cancelled', 'failed', 'purged',
] as const; // prettier-ignore
export type RenderState = (typeof RENDER_STATES)[number];

/** Nothing reaches `published` except through `self_check`, which re-reads both marks from the bytes to be served. */
export const renderTransitions = new Transitions<RenderState>('render', {
  requested: ['denied', 'awaiting_approval', 'queued', 'cancelled'],
  awaiting_approval: ['queued', 'denied', 'cancelled'],
  queued: ['rendering', 'cancelled', 'failed'],
  rendering: ['rendering', 'marking', 'cancelled', 'failed', 'queued'],
  marking: ['self_check', 'rendering', 'cancelled', 'failed', 'queued'],
  self_check: ['published', 'quarantined', 'rendering', 'cancelled', 'failed', 'queued'],
  quarantined: ['marking', 'failed'],
  published: ['disabled'],
  disabled: ['published', 'purged'],
  cancelled: ['purged'],
  failed: ['purged'],
  denied: [],
  purged: [],
});
