import { z } from 'zod';
import { InvalidInputError } from '#kernel';

export const MAX_PAGE = 200;

/** Members of every list's query: `z.strictObject({ ...pageQuery, … })`. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(50).describe('rows of a page'),
  cursor: z.string().max(400).optional().describe('`next_cursor` of the page before'),
};

/** The shape of every list. */
export const pageOf = <T extends z.ZodType>(row: T) =>
  z.strictObject({ data: z.array(row), next_cursor: z.string().nullable().describe('null: nothing follows now') });

export interface Page<T> {
  readonly data: T[];
  readonly next_cursor: string | null;
}

/**
 * One page of rows that were asked for with `limit + 1`: whether something follows must not depend on a second question, between which
 * others write. `cursorOf` gives the exact database values that the next page starts behind: never a JavaScript Date, which has lost
 * three digits of PostgreSQL's time (case LG-02).
 */
export function page<T>(rows: readonly T[], limit: number, cursorOf: (row: T) => readonly (string | number)[]): Page<T> {
  const data = rows.slice(0, limit);
  return { data, next_cursor: rows.length > limit ? encodeCursor(cursorOf(data.at(-1)!)) : null };
}

/** Opaque on purpose: what stands in it may change. */
export const encodeCursor = (values: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(values)).toString('base64url');

/**
 * The values of a cursor, checked: it comes back from outside.
 * @param schema a tuple: `z.tuple([z.uuid()])`
 * @throws InvalidInputError for anything that is no cursor of this list
 */
export function decodeCursor<S extends z.ZodType>(schema: S, cursor: string | undefined): z.output<S> | undefined {
  if (cursor === undefined) return undefined;
  const parsed = schema.safeParse(parseJson(Buffer.from(cursor, 'base64url').toString()));
  if (!parsed.success)
    throw new InvalidInputError('The cursor is not one of this list. Start again without it.', [
      { pointer: '/query/cursor', detail: 'not a cursor of this list' },
    ]);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The commonest cursor: the id of the last row, where ids are in order of time (UUID version 7). */
export const idCursor = (cursor: string | undefined): string | undefined => decodeCursor(z.tuple([z.uuid()]), cursor)?.[0];
