import { expect, it } from 'vitest';
import { BackOff } from './back-off.ts';
import { jsonLine, prettyLine } from './log-lines.ts';

const NOW = new Date('2026-01-02T03:04:05Z');
const structured = (fields: Record<string, unknown>) => ({ text: JSON.stringify(fields), fields });

it('shows a request, a message and foreign output, each with its process', () => {
  const request = {
    level: 'info',
    at: '2026-01-02T01:00:00.000Z',
    method: 'GET',
    route: '/v1/subjects/:id',
    status: 200,
    ms: 3.2,
    tenant_id: 'dev',
  };
  expect(prettyLine('api', structured(request), NOW)).toBe('01:00:00 api       GET /v1/subjects/:id 200 3.2 ms  tenant_id=dev');
  expect(prettyLine('worker-1', structured({ level: 'error', message: 'no', code: 7 }), NOW)).toBe(
    '03:04:05 worker-1  ERROR  no  code=7',
  );
  expect(prettyLine('worker-1', { text: 'a warning of Node' }, NOW)).toBe('03:04:05 worker-1  a warning of Node');
  expect(JSON.parse(jsonLine('api', structured(request)))).toEqual({ process: 'api', ...request });
  expect(JSON.parse(jsonLine('api', { text: 'x' }, NOW))).toMatchObject({ process: 'api', message: 'x' });
});

it('one line stays one line: what would move the cursor or turn the text is shown, not obeyed (LG-04)', () => {
  const line = prettyLine('api', { text: 'a\nb\u001b[2Jc\u202ed\u2066e\u0085f\u0000' }, NOW);
  expect(line).toContain('a\\u000ab\\u001b[2Jc\\u202ed\\u2066e\\u0085f\\u0000');
  const joined = 'न\u200dम'; // a joiner that a name needs stays
  expect(prettyLine('api', { text: joined }, NOW)).toContain(joined);
});

it('waits twice as long after each failure, at most 30 s, and forgets after a healthy minute', () => {
  const backOff = new BackOff();
  expect([0, 0, 0, 0, 0, 0, 0, 0].map((ran) => backOff.next(ran))).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(backOff.next(60_000)).toBe(500);
});
