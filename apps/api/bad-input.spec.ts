import { request as rawRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestApi, call, openTestApi } from './api.fixture.ts';

let api: TestApi;
beforeAll(async () => void (api = await openTestApi()));
afterAll(() => api.close());

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}, path = '/v1/subjects') =>
  fetch(api.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.keys.operator}`, 'content-type': 'application/json', ...headers },
    body,
  });
const problem = async (response: Response): Promise<Record<string, unknown>> => {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(response.headers.get('cache-control')).toBe('no-store');
  const body = (await response.json()) as Record<string, unknown>;
  expect(body['type']).toBe(`https://assent.dev/problems/${String(body['code'])}`);
  expect(body['status']).toBe(response.status);
  expect(body['instance']).toBe(response.headers.get('x-request-id'));
  return body;
};

describe('a body that is none', () => {
  it.each([
    '{"name": "x"', '{name: 1}', "{'name': 'x'}", '[', 'nul', '{"name": "x"}}', '\u0000', '{"a":1,}', 'NaN',
  ])('%j: malformed-json', async (body) => {
    expect(await problem(await post(body))).toMatchObject({ status: 400, code: 'malformed-json' });
  }); // prettier-ignore

  it('is refused in other encodings than UTF-8, not guessed', async () => {
    expect(await problem(await post(Buffer.from('{"name":"Zoë"}', 'latin1')))).toMatchObject({ code: 'malformed-json' });
    expect(await problem(await post(Buffer.from('\ufeff{"name":"x"}', 'utf16le')))).toMatchObject({ code: 'malformed-json' });
  });

  it.each(['null', '[]', '"text"', '1', 'true'])('is refused when it is JSON but no object: %s', async (body) => {
    expect(await problem(await post(body))).toMatchObject({ status: 422, code: 'invalid-input' });
  });

  it('may nest as deep as it likes', async () => {
    const answer = await problem(await post('['.repeat(400_000) + ']'.repeat(400_000)));
    expect(answer).toMatchObject({ status: 422, code: 'invalid-input' });
  });

  it('may be left out where every member may', async () => {
    expect((await call(api, 'POST', '/v1/subjects', { key: api.keys.operator })).status).toBe(201);
  });
});

describe('a body of the wrong size or kind', () => {
  it.each([10 * 1024 * 1024, 1024 * 1024 + 1])('of %d bytes: body-too-large', async (bytes) => {
    const answer = await problem(await post(`{"name":"${'x'.repeat(bytes - 11)}"}`));
    expect(answer).toMatchObject({ status: 413, code: 'body-too-large', limit: 1024 * 1024 });
  });

  it('without an announced length it is cut at the limit', async () => {
    const status = await new Promise<number>((done, fail) => {
      const sent = rawRequest(`${api.url}/v1/subjects`, {
        method: 'POST',
        headers: { authorization: `Bearer ${api.keys.operator}`, 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      }, (response) => done(response.statusCode ?? 0)); // prettier-ignore
      sent.on('error', fail);
      for (let i = 0; i < 20; i++) sent.write('x'.repeat(65_536));
      sent.end();
    });
    expect(status).toBe(413);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml', 'application/jsonp', '', 'text/html, application/json'])(
    'as %j: media-type-unsupported',
    async (type) => {
      expect(await problem(await post('{"name":"x"}', { 'content-type': type }))).toMatchObject({
        status: 415,
        code: 'media-type-unsupported',
        media_types: ['application/json'],
      });
    },
  ); // prettier-ignore

  it('takes the parameters that a JSON type may have', async () => {
    expect((await post('{"name":"x"}', { 'content-type': 'Application/JSON; charset=UTF-8' })).status).toBe(201);
  });

  it('says 401 before it reads what a stranger sent', async () => {
    const answer = await post('{"name": ', { authorization: 'Bearer ask_abcdefgh_x' });
    expect(await problem(answer)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });
});

describe('members that nobody knows', () => {
  it('are named, each with its place', async () => {
    expect(await problem(await post('{"name":"x","nmae":"y","a/b~c":1}'))).toMatchObject({
      code: 'invalid-input',
      errors: [{ pointer: '/nmae' }, { pointer: '/a~1b~0c' }],
    });
  });

  it.each(['{"__proto__":{"x":1}}', '{"constructor":{"prototype":{"x":1}}}', '{"name":"x","__proto__":null}'])(
    'are refused when they aim at the prototype: %s',
    async (body) => {
      expect(await problem(await post(body))).toMatchObject({ status: 422, code: 'invalid-input' });
      expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    },
  );

  it('in the query too, and faults of both places are told at once', async () => {
    const answer = await problem(await post('{"name":7}', {}, '/v1/subjects?dry_run=1&limit=0'));
    const pointers = (answer['errors'] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers.toSorted()).toEqual(['/name', '/query/dry_run', '/query/limit']);
  });

  it.each(['limit=0', 'limit=201', 'limit=1.5', 'limit=x', 'limit=', 'limit=1&limit=2', 'cursor=!!!', 'cursor=W10', 'cursor=WyJ4Il0', `cursor=${'a'.repeat(401)}`])(
    'a page with ?%s is refused with its place',
    async (query) => {
      const { status, body } = await call(api, 'GET', `/v1/subjects?${query}`, { key: api.keys.operator });
      expect([query, status, body['code']]).toEqual([query, 422, 'invalid-input']);
      expect((body['errors'] as { pointer: string }[])[0]!.pointer).toMatch(/^\/query\/(limit|cursor)$/);
    },
  ); // prettier-ignore
});

describe('an address that is none', () => {
  it.each(['/v1/subjects/7', '/v1/subjects/null', '/v1/subjects/..%2f..%2fetc', `/v1/subjects/${'a'.repeat(600)}`, '/v1/subjects/%00', '/v1/subjects/'])(
    '%s: nothing is there',
    async (path) => {
      const { status } = await call(api, 'GET', path, { key: api.keys.operator });
      expect([404, 400]).toContain(status);
    },
  ); // prettier-ignore

  it('is told from a wrong method by 405 with Allow', async () => {
    const { status, headers, body } = await call(api, 'PUT', '/v1/subjects', { key: api.keys.operator, body: {} });
    expect([status, headers.get('allow'), body['code']]).toEqual([405, 'GET, HEAD, POST', 'method-not-allowed']);
    const one = await call(api, 'PATCH', '/v1/subjects/0199d3c0-0000-7000-8000-000000000000', { body: {} });
    expect([one.status, one.headers.get('allow')]).toEqual([405, 'DELETE, GET, HEAD']);
  });

  it.each(['/nothing', '/v1', '/v1/subjects/a/b', '/log/tile/0/000/../../x', '/docs/..%2fpackage.json'])(
    '%s: 404',
    async (path) => {
      expect(await problem(await fetch(api.url + path))).toMatchObject({ status: 404, code: 'not-found' });
    },
  );

  it('with a broken escape is a malformed request', async () => {
    expect(await problem(await fetch(`${api.url}/v1/subjects/%zz`))).toMatchObject({ status: 400, code: 'malformed-request' });
  });

  it('that is no HTTP gets an answer and a closed connection, and the next client is served', async () => {
    const { hostname, port } = new URL(api.url);
    const answer = await new Promise<string>((done) => {
      let text = '';
      const socket = connect(Number(port), hostname, () => socket.write('GARBAGE \r\n\r\n'));
      socket.on('data', (data) => (text += data.toString())).on('close', () => done(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
    expect((await call(api, 'GET', '/healthz')).status).toBe(200);
  });
});

describe('a client that cuts the connection', () => {
  it('in the middle of a JSON body leaves nothing, fifty times', async () => {
    const before = await api.db.query('SELECT id FROM subjects');
    const { hostname, port } = new URL(api.url);
    await Promise.all(Array.from({ length: 50 }, () => new Promise<void>((done) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(`POST /v1/subjects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${api.keys.operator}\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"name"`);
        setTimeout(() => socket.destroy(), 20);
      });
      socket.on('close', () => done());
    }))); // prettier-ignore
    expect(await api.db.query('SELECT id FROM subjects')).toEqual(before);
    expect((await call(api, 'GET', '/healthz')).status).toBe(200);
  });
});
