import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError, InvalidInputError, NotFoundError, toProblem } from './domain-error.ts';
import { newId, opaqueId } from './ids.ts';
import { StateConflictError, Transitions } from './state-machine.ts';

class LightRefused extends DomainError {
  override readonly problem = { slug: 'footage-quality', status: 422, title: 'The footage cannot be used' } as const;
}

describe('a problem document', () => {
  it('tells a refusal in full', () => {
    expect(toProblem(new LightRefused('Film by a window.', { lux: 12 }))).toEqual({
      type: 'https://assent.dev/problems/footage-quality',
      code: 'footage-quality',
      status: 422,
      title: 'The footage cannot be used',
      detail: 'Film by a window.',
      lux: 12,
    });
  });

  it('says nothing of a bug, whatever was thrown: its text may hold a name, a path, a key', () => {
    const secret = 'jane.doe@example.org';
    const thrown: unknown[] = [
      new Error(secret),
      Object.assign(new TypeError(secret), { problem: { slug: secret, status: 200, title: secret }, members: { secret } }),
      new Error('outer', { cause: new LightRefused(secret) }),
      secret,
      { message: secret, slug: secret },
      null,
      undefined,
    ];
    for (const error of thrown) {
      expect(toProblem(error)).toMatchObject({ code: 'internal-error', status: 500 });
      expect(JSON.stringify(toProblem(error))).not.toContain(secret);
    }
  });

  it('does not say what caused a refusal', () => {
    const error = new LightRefused('Film by a window.', {}, { cause: new Error('row 17 of subjects') });
    expect(JSON.stringify(toProblem(error))).not.toContain('subjects');
  });

  it('cannot be given another status, code or detail by its members', () => {
    fc.assert(
      fc.property(fc.constantFrom('type', 'title', 'status', 'detail', 'code'), fc.jsonValue(), (member, value) => {
        expect(toProblem(new NotFoundError('Gone.', { [member]: value }))).toEqual(toProblem(new NotFoundError('Gone.')));
      }),
    );
  });

  it('points at each fault of an input', () => {
    expect(toProblem(new InvalidInputError('No.', [{ pointer: '/zone', detail: 'unknown' }]))).toMatchObject({
      errors: [{ pointer: '/zone', detail: 'unknown' }],
    });
  });
});

describe('ids', () => {
  it('are UUIDs of version 7 that sort by time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.integer({ min: 0, max: 2 ** 48 - 1 }), (a, b) => {
        const [first, second] = [newId(a), newId(b)];
        expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        if (a !== b) expect(first < second).toBe(a < b);
      }),
    );
  });

  it('do not meet in one millisecond', () => {
    expect(new Set(Array.from({ length: 20_000 }, () => newId(0))).size).toBe(20_000);
  });

  it('that leave the house are 128 random bits', () => {
    const ids = Array.from({ length: 1000 }, opaqueId);
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(Buffer.from(id, 'base64url')).toHaveLength(16);
  });
});

describe('a table of states', () => {
  const lamp = new Transitions('lamp', { off: ['on'], on: ['off', 'broken'], broken: [] });
  const states = ['off', 'on', 'broken'] as const;

  it('is left along its arrows only', () => {
    const arrows = ['off→on', 'on→off', 'on→broken'];
    for (const from of states)
      for (const to of states) {
        const allowed = arrows.includes(`${from}→${to}`);
        expect(lamp.allows(from, to)).toBe(allowed);
        if (allowed) lamp.require(from, to);
        else expect(() => lamp.require(from, to)).toThrow(StateConflictError);
      }
    expect(states.filter((state) => lamp.isTerminal(state))).toEqual(['broken']);
  });

  it('names both states when it refuses', () => {
    try {
      lamp.require('broken', 'on');
      expect.unreachable();
    } catch (error) {
      expect(toProblem(error)).toMatchObject({ code: 'state-conflict', status: 409, from: 'broken', to: 'on' });
      expect(String(error)).toContain('A lamp that is broken cannot become on.');
    }
  });
});
