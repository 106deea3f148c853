import { InvalidInputError } from '#kernel';

const DAY = 24 * 3600 * 1000;
/** A likeness licence longer than this is void in several states; renewals are new records (research/consent.md §6). */
const LONGEST = 10 * 366 * DAY;

const localDate = (zone: string): ((at: number) => string) => {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' });
  return (at) => format.format(at);
};

/**
 * The last instant of a calendar day where the person is: a date lasts to the end of that day there (DESIGN rule 16). Searched, not
 * computed from an offset: days of 23 and 25 hours exist, and so do midnights that do not.
 */
export function endOfDay(date: string, zone: string): Date {
  const dateAt = localDate(zone);
  // Zones reach from −12 h to +14 h, so the day ends in here; `date` strings of one zone are in the order of time.
  let [inside, after] = [Date.parse(`${date}T00:00:00Z`) - DAY, Date.parse(`${date}T00:00:00Z`) + 3 * DAY];
  while (after - inside > 1) {
    const middle = Math.floor((inside + after) / 2);
    if (dateAt(middle) <= date) inside = middle;
    else after = middle;
  }
  return new Date(inside);
}

/** `2027-03-28` is that whole day in the zone; `2027-03-28T12:00:00Z` is that instant. @throws InvalidInputError */
export function termOf(text: string, zone: string, now: Date): Date {
  const fault = (detail: string): InvalidInputError =>
    new InvalidInputError('The end of the consent is not usable.', [{ pointer: '/valid_until', detail }]);
  const wholeDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const instant = new Date(wholeDay ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(instant.getTime()) || (wholeDay && instant.toISOString().slice(0, 10) !== text)) throw fault('not a date');
  const end = wholeDay ? endOfDay(text, zone) : instant;
  if (end.getTime() <= now.getTime()) throw fault('in the past');
  if (end.getTime() - now.getTime() > LONGEST) throw fault('more than ten years ahead');
  return end;
}
