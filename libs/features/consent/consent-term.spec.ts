import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOfDay, termOf } from './consent-term.ts';

/** Case LE-02: days of 23 and 25 hours, a half-hour zone, and a midnight that does not exist. */
const LAST_DAYS = [
  ['Europe/Berlin', '2027-03-28', '2027-03-28T21:59:59.999Z'],
  ['America/New_York', '2026-11-01', '2026-11-02T04:59:59.999Z'],
  ['Asia/Kathmandu', '2027-01-31', '2027-01-31T18:14:59.999Z'],
  ['America/Santiago', '2027-09-04', '2027-09-05T03:59:59.999Z'],
  ['Pacific/Kiritimati', '2027-01-01', '2027-01-01T09:59:59.999Z'],
  ['Etc/GMT+12', '2027-01-01', '2027-01-02T11:59:59.999Z'],
] as const;

describe('the last day of a consent (case LE-02)', () => {
  it.each(LAST_DAYS)('in %s %s ends at %s', (zone, date, end) => {
    expect(endOfDay(date, zone).toISOString()).toBe(end);
  });

  it('belongs to the day with its last millisecond and not with the next', () => {
    const zones = Intl.supportedValuesOf('timeZone');
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.date({ min: new Date('2026-01-01'), max: new Date('2036-01-01'), noInvalidDate: true }),
        (zone, day) => {
          const date = day.toISOString().slice(0, 10);
          const end = endOfDay(date, zone).getTime();
          const local = (at: number): string => new Intl.DateTimeFormat('en-CA', { timeZone: zone }).format(at);
          expect(local(end) <= date).toBe(true);
          expect(local(end + 1) > date).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  const now = new Date('2026-11-25T12:00:00Z');
  it.each([
    ['2026-02-30', 'not a date'],
    ['tomorrow', 'not a date'],
    ['2026-11-24', 'in the past'],
    ['2037-11-25', 'more than ten years ahead'],
  ])('%s is refused: %s', (text, detail) => {
    expect(() => termOf(text, 'Europe/Berlin', now)).toThrow(
      expect.objectContaining({ members: { errors: [{ pointer: '/valid_until', detail }] } }),
    );
  });

  it('an instant stays what it is, and today is not over yet', () => {
    expect(termOf('2026-11-25T13:00:00+01:00', 'UTC', new Date(now.getTime() - 1)).toISOString()).toBe(
      '2026-11-25T12:00:00.000Z',
    );
    expect(termOf('2026-11-25', 'UTC', now).toISOString()).toBe('2026-11-25T23:59:59.999Z');
  });
});
