import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { registerPages } from '../../apps/api/pages.ts';

export const TOKEN = 'asl_abcdefgh_a-secret-of-this-test';
export const MANAGE_TOKEN = 'asl_manageab_another-secret';
const CONSENT = '0199aaaa-0000-7000-8000-000000000001';

/** The consent page's API with its memory in view: what a page sent is looked at, and every refusal can be ordered. */
export class FakeDoors {
  readonly sent: { route: string; body: unknown }[] = [];
  /** Next answers of a route, instead of the usual one: `{ '/challenge': [{ status: 409, code: '…' }] }`. */
  readonly orders: Record<string, { status: number; code?: string; detail?: string; reasons?: string[] }[]> = {};
  readonly uploads = new Map<
    string,
    { bytes: Buffer; length: number | undefined; metadata: Record<string, string>; state: string }
  >();
  state = 'draft';
  language = 'en';
  name: string | null = 'Mira Sharma';
  purposes = ['training', 'async_video', 'accessibility'];
  offered: Record<string, unknown> = {};
  attemptsLeft = 5;
  evidenceProblem: { code: string; detail: string } | null = null;
  /** What the check of the next clip says. */
  outcome: 'given' | 'evidence_failed' = 'given';
  linkPurpose: 'consent' | 'manage' = 'consent';
  codeSeconds = 600;
  /** Of the server's clock against this machine's. */
  aheadMs = 0;
  captureId: string | null = null;
  polls = 0;
  /** Answers of `POST /v1/verify`. */
  report: unknown = {};
  verifyStatus = 200;
  verified: Buffer = Buffer.alloc(0);
  url = '';
  readonly #fastify = Fastify({ bodyLimit: 300 * 1024 * 1024 });

  static async open(): Promise<FakeDoors> {
    const doors = new FakeDoors();
    doors.#routes();
    await doors.#fastify.listen({ host: '127.0.0.1', port: 0 });
    doors.url = `http://localhost:${(doors.#fastify.server.address() as AddressInfo).port}`;
    return doors;
  }

  get link(): string {
    return `${this.url}/consent/#${TOKEN}`;
  }

  close(): Promise<void> {
    return this.#fastify.close();
  }

  now(): string {
    return new Date(Date.now() + this.aheadMs).toISOString();
  }

  bodies(route: string): unknown[] {
    return this.sent.filter((one) => one.route === route).map(({ body }) => body);
  }

  consent(): Record<string, unknown> {
    return {
      id: CONSENT,
      subject_id: randomUUID(),
      state: this.state,
      language: this.language,
      jurisdiction: 'IN',
      valid_until: '2027-03-28T18:29:59.999Z',
      zone: 'Asia/Kolkata',
      purposes: this.purposes,
      attempts_left: this.attemptsLeft,
      evidence: this.evidenceProblem ? { state: 'failed', problem: this.evidenceProblem } : null,
    };
  }

  session(): Record<string, unknown> {
    return {
      consent: {
        ...this.consent(),
        controller: {
          party_name: 'Sagar Films',
          party_address: '12 Marine Drive, Mumbai',
          party_contact: 'consent@sagar-films.example',
        },
        notice: {
          id: 'notice',
          version: '3',
          text: 'What is collected: a short clip in which you agree, and footage of your face and voice.\nWhat for: only what you tick. Nothing is ticked for you.\nHow long: until the date shown. You can pause or withdraw at any time.\nHow it is kept: encrypted under a key of your own, which is destroyed when you ask for erasure.',
        },
        offered: {
          purposes: this.purposes,
          intended_uses: ['Greetings for the staff of Sagar Films', 'A film about the monsoon'],
          allowed_emotions: ['neutral', 'happiness'],
          languages: ['en', 'hi'],
          realtime: false,
          export_model: true,
          prohibited_uses: ['politics', 'anything intimate'],
          ...this.offered,
        },
      },
      subject: { id: '0199aaaa-0000-7000-8000-000000000002', name: this.name },
      link: { purpose: this.linkPurpose, expires_at: '2027-01-01T00:00:00.000Z' },
      server_time: this.now(),
    };
  }

  #routes(): void {
    const fastify = this.#fastify;
    registerPages(fastify);
    fastify.addContentTypeParser(
      ['application/offset+octet-stream', 'application/octet-stream'],
      { parseAs: 'buffer' },
      (_, body, done) => done(null, body),
    );
    const post = (name: string, answer: (body: Record<string, unknown>, reply: FastifyReply) => unknown): void =>
      void fastify.post(`/v1/consents/${CONSENT}/${name}`, (request, reply) => {
        this.sent.push({ route: `/${name}`, body: request.body });
        return this.#ordered(`/${name}`, reply) ?? answer((request.body ?? {}) as Record<string, unknown>, reply);
      });
    fastify.get('/v1/consent-session', (request, reply) => this.#session(request, reply));
    fastify.get(`/v1/consents/${CONSENT}`, () => this.#poll());
    fastify.get(`/v1/consents/${CONSENT}/receipt`, () => ({
      receipt: 'eyJ.eyJ.sig',
      record: { record_id: CONSENT },
      status_url: `${this.url}/v1/consents/opaque/status`,
      manage_url: `/consent/#${MANAGE_TOKEN}`,
      verify_hint: 'The key is at /v1/receipt-key.',
    }));
    post('notice-shown', () => {
      if (this.state === 'draft') this.state = 'notice_shown';
      return this.consent();
    });
    post('challenge', ({ take_over }, reply) => this.#challenge(take_over === true, reply));
    post('evidence', (_, reply) => {
      this.state = 'evidence_pending';
      this.captureId = null;
      this.polls = 0;
      return reply.code(202).send(this.consent());
    });
    for (const [name, state] of [
      ['withdraw', 'withdrawn'],
      ['pause', 'paused'],
      ['resume', 'given'],
      ['refuse', 'refused'],
    ] as const)
      post(name, () => {
        this.state = state;
        return this.consent();
      });
    this.#uploadRoutes();
    fastify.post('/v1/verify', (request, reply) => {
      this.verified = request.body as Buffer;
      return reply.code(this.verifyStatus).send(this.report);
    });
  }

  #session(request: FastifyRequest, reply: FastifyReply): unknown {
    if (![TOKEN, MANAGE_TOKEN].some((token) => request.headers.authorization === `Bearer ${token}`))
      return problem(reply, 401, 'unauthenticated');
    if (request.headers.authorization === `Bearer ${MANAGE_TOKEN}`) this.linkPurpose = 'manage';
    return this.#ordered('/consent-session', reply) ?? this.session();
  }

  #poll(): unknown {
    if (this.state === 'evidence_pending' && ++this.polls > 1) {
      this.state = this.outcome;
      if (this.outcome === 'evidence_failed') this.attemptsLeft--;
    }
    return this.consent();
  }

  #challenge(takeOver: boolean, reply: FastifyReply): unknown {
    if (this.captureId !== null && !takeOver) return problem(reply, 409, 'capture-in-progress');
    this.captureId = randomUUID();
    this.state = 'requested';
    return reply.code(201).send({
      capture_id: this.captureId,
      digits: '482913',
      phrase: `My name is ${this.name ?? '…'}. I give my consent that Sagar Films may make a digital replica of my face and voice. This consent can be withdrawn at any time. My code is 4 8 2 9 1 3.`,
      expires_at: new Date(Date.now() + this.aheadMs + this.codeSeconds * 1000).toISOString(),
      server_time: this.now(),
    });
  }

  /** tus 1.0 as far as the page speaks it. */
  #uploadRoutes(): void {
    const fastify = this.#fastify;
    fastify.post('/v1/uploads', (request, reply) => {
      const ordered = this.#ordered('/uploads', reply);
      if (ordered) return ordered;
      const id = randomUUID();
      const pairs = String(request.headers['upload-metadata'])
        .split(',')
        .map((pair) => pair.split(' '));
      const metadata = Object.fromEntries(pairs.map(([key, value]) => [key, Buffer.from(value ?? '', 'base64').toString()]));
      this.uploads.set(id, { bytes: Buffer.alloc(0), length: undefined, metadata, state: 'receiving' });
      return reply.code(201).header('location', `/v1/uploads/${id}`).send();
    });
    fastify.head('/v1/uploads/:id', (request, reply) => {
      const upload = this.#upload(request);
      if (!upload) return reply.code(404).send();
      if (upload.length !== undefined) void reply.header('upload-length', upload.length);
      return reply.header('upload-offset', upload.bytes.length).header('tus-resumable', '1.0.0').send();
    });
    fastify.patch('/v1/uploads/:id', (request, reply) => {
      const upload = this.#upload(request);
      if (!upload) return problem(reply, 404, 'not-found');
      const ordered = this.#ordered('/patch', reply);
      if (ordered) return ordered;
      if (Number(request.headers['upload-offset']) !== upload.bytes.length) return problem(reply, 409, 'upload-offset-conflict');
      upload.bytes = Buffer.concat([upload.bytes, request.body as Buffer]);
      if (request.headers['upload-length'] !== undefined) upload.length = Number(request.headers['upload-length']);
      if (upload.length === upload.bytes.length) upload.state = 'ready';
      return reply.code(204).header('upload-offset', upload.bytes.length).send();
    });
    fastify.delete('/v1/uploads/:id', (request, reply) => {
      this.uploads.delete((request.params as { id: string }).id);
      return reply.code(204).send();
    });
    fastify.get('/v1/uploads/:id', { exposeHeadRoute: false }, (request, reply) => {
      const upload = this.#upload(request);
      if (!upload) return problem(reply, 404, 'not-found');
      const [refusal] = this.orders['/upload-check'] ?? [];
      if (refusal && upload.state === 'ready') {
        this.orders['/upload-check']!.shift();
        return { state: 'refused', problem: refusal };
      }
      return { state: upload.state, problem: null };
    });
  }

  #upload(request: FastifyRequest): ReturnType<FakeDoors['uploads']['get']> {
    return this.uploads.get((request.params as { id: string }).id);
  }

  #ordered(route: string, reply: FastifyReply): FastifyReply | undefined {
    const order = this.orders[route]?.shift();
    return order && problem(reply, order.status, order.code ?? 'ordered', order);
  }
}

const problem = (reply: FastifyReply, status: number, code: string, more: object = {}): FastifyReply =>
  reply.code(status).type('application/problem+json').send({ type: 'about:blank', title: code, detail: `refused: ${code}`, code, ...more, status }); // prettier-ignore
