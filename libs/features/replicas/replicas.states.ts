import { Transitions } from '#kernel';

export const REPLICA_STATES = ['pending', 'active', 'restricted', 'frozen', 'retiring', 'sealed', 'purging', 'purged'] as const;
export type ReplicaState = (typeof REPLICA_STATES)[number];

/** `restricted` while the consent is paused, `frozen` in an incident; a withdrawn consent retires, then seals. */
export const replicaTransitions = new Transitions<ReplicaState>('replica', {
  pending: ['active'],
  active: ['restricted', 'frozen', 'retiring'],
  restricted: ['active', 'frozen', 'retiring'],
  frozen: ['active', 'restricted', 'retiring'],
  retiring: ['sealed', 'purging'],
  sealed: ['purging'],
  purging: ['purged'],
  purged: [],
});
