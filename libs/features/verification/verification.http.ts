import { Inject, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Call, Route, type RouteCall, RouteController, type RouteSpec } from '#http';
import { VerificationDesk } from './verification-desk.ts';
import { type VerificationWire, toWire, verificationWire } from './verification-wire.ts';
import { FileMissingError, VerifyInterruptedError } from './verification.errors.ts';

const VERIFY = {
  method: 'POST', path: '/v1/verify', permission: 'public', tag: 'verification',
  summary: 'What can be said about a file',
  description: 'No account. Send the bytes as the body, whatever their type, or as the field `file` of a form; at most 200 MB. The file is looked at and removed; ' +
    'no address of a file is taken. Answers 200 with a report also for a forgery. That a mark is absent proves nothing.',
  stream: { mediaTypes: ['*/*'], description: 'The file, or multipart/form-data with the field `file`.' },
  responses: { 200: { description: 'The report.', schema: verificationWire } },
  refusals: ['upload-too-large', 'rate-limited', 'overloaded', 'invalid-input'],
} as const satisfies RouteSpec; // prettier-ignore

@RouteController()
export class VerificationController implements OnModuleInit {
  constructor(
    @Inject(VerificationDesk) private readonly desk: VerificationDesk,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
  ) {}

  /** Only this door reads forms; every other one refuses them by their type. */
  async onModuleInit(): Promise<void> {
    await this.host.httpAdapter.getInstance<FastifyInstance>().register(multipart);
  }

  @Route(VERIFY)
  async verify(@Call() { request, reply }: RouteCall<typeof VERIFY>): Promise<VerificationWire> {
    const gone = new AbortController();
    const leave = (): void => gone.abort(new VerifyInterruptedError('The client is gone.'));
    // The answer's socket closes when the client goes, also after the whole request has been read.
    reply.raw.once('close', leave);
    try {
      const length = Number(request.headers['content-length']);
      const report = await this.desk.take({
        address: request.ip,
        declaredBytes: Number.isSafeInteger(length) ? length : undefined,
        body: bodyOf(request, this.desk.limits.maxBytes, gone.signal),
        signal: gone.signal,
      });
      reply.header('cache-control', 'no-store');
      return toWire(report);
    } finally {
      reply.raw.off('close', leave);
    }
  }
}

/** The file's bytes: the body itself, or the one file of a form. */
async function* bodyOf(request: FastifyRequest, maxBytes: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
  // A file that calls itself JSON was kept as bytes before its route was known.
  if (Buffer.isBuffer(request.body)) {
    yield request.body;
    return;
  }
  if (!request.isMultipart()) {
    yield* request.raw as AsyncIterable<Uint8Array>;
    return;
  }
  // One more than is taken: the desk counts, and says so with the right refusal.
  const part = await request.file({ limits: { files: 1, fields: 20, fileSize: maxBytes + 1, fieldSize: 4096 } });
  if (part?.fieldname !== 'file')
    throw new FileMissingError('Send the file in the field `file` of the form, or as the whole body.', {
      errors: [{ pointer: '/file', detail: 'is missing' }],
    });
  // A form that is cut in its middle must not hold what it has begun (case UP-03).
  signal.addEventListener('abort', () => part.file.destroy(), { once: true });
  yield* part.file as AsyncIterable<Uint8Array>;
}
