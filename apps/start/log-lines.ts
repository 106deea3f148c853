import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One line of a process, as it was written and as it was understood. */
export interface LogLine {
  readonly text: string;
  /** The line's object, if it is one of our structured lines. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Calls back for each line of both outputs. */
export function readLines(child: ChildProcess, onLine: (line: LogLine) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (text) => {
      const fields = structured(text);
      onLine(fields ? { text, fields } : { text });
    });
  }
}

function structured(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'level' in value ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // somebody's output that begins with a brace
    throw error;
  }
}

/**
 * For a person at a terminal: `10:32:01 worker-1  error  text  key=value`. One line stays one line: control characters, which a hostile
 * header or file name may carry into a log, are shown and not obeyed (case LG-04).
 */
export function prettyLine(name: string, line: LogLine, now = new Date()): string {
  const { at, level, message, ...rest } = line.fields ?? { level: '', message: line.text };
  const time = typeof at === 'string' && !Number.isNaN(Date.parse(at)) ? new Date(at) : now;
  const request = 'method' in rest && 'status' in rest;
  const { method, route, status, ms, ...more } = rest as Record<string, unknown>;
  const head = request ? `${text(method)} ${text(route)} ${text(status)} ${text(ms)} ms` : text(message);
  const tail = Object.entries(request ? more : rest)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${text(value)}`);
  const mark = level === 'error' || level === 'fatal' ? 'ERROR' : level === 'warn' ? 'warn' : '';
  return visible(
    `${time.toISOString().slice(11, 19)} ${name.padEnd(9)} ${[mark, head, ...tail].filter((part) => part !== '').join('  ')}`,
  );
}

/** For a machine: the structured line with the process' name, and other output wrapped into one. */
export function jsonLine(name: string, line: LogLine, now = new Date()): string {
  return JSON.stringify({ process: name, ...(line.fields ?? { level: 'info', at: now.toISOString(), message: line.text }) });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

/** C0 and C1 controls, line and paragraph separators, and the marks that turn the direction of text. */
const HIDDEN = [[0x00, 0x1f], [0x7f, 0x9f], [0x2028, 0x202e], [0x2066, 0x2069]] as const; // prettier-ignore
const isHidden = (code: number): boolean => HIDDEN.some(([first, last]) => code >= first && code <= last);

const visible = (line: string): string =>
  Array.from(line, (character) => {
    const code = character.codePointAt(0)!;
    return isHidden(code) ? `\\u${code.toString(16).padStart(4, '0')}` : character;
  }).join('');
