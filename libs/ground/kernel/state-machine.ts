import { DomainError } from './domain-error.ts';

/** A state may only be left along the arrows of its table. */
export class StateConflictError extends DomainError {
  override readonly problem = { slug: 'state-conflict', status: 409, title: 'The state does not allow this step' } as const;
}

/** A state machine as one table that a person can read and a test can walk: state → states it may become. */
export class Transitions<State extends string> {
  constructor(
    readonly subject: string,
    readonly table: Readonly<Record<State, readonly State[]>>,
  ) {}

  allows(from: State, to: State): boolean {
    return this.table[from].includes(to);
  }

  /** @throws StateConflictError naming both states. */
  require(from: State, to: State): void {
    if (!this.allows(from, to))
      throw new StateConflictError(`A ${this.subject} that is ${from} cannot become ${to}.`, { from, to });
  }

  isTerminal(state: State): boolean {
    return this.table[state].length === 0;
  }
}
