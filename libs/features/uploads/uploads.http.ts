import { Inject } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Call, Route, type RouteCall, RouteController, type RouteSpec } from '#http';
import {
  OFFSET_STREAM,
  TUS_EXTENSIONS,
  TUS_VERSION,
  announcedLength,
  byteCount,
  readMetadata,
  requireOffset,
  requireVersion,
} from './tus.ts';
import { UploadSessions } from './upload-sessions.ts';
import type { UploadSessionRow } from './uploads.entities.ts';
import { UploadExpiredError } from './uploads.errors.ts';
import { UploadsService } from './uploads.service.ts';

export const uploadWire = z
  .strictObject({
    id: z.uuid(),
    kind: z.enum(['footage', 'consent-clip']),
    subject_id: z.uuid(),
    state: z.enum(['receiving', 'checking', 'ready', 'refused', 'expired']),
    bytes: z.int().nullable().describe('of the whole; null while a recording runs'),
    offset: z.int().describe('bytes that are kept'),
    sha256: z.string().nullable(),
    problem: z.looseObject({ code: z.string() }).nullable().describe('why it was refused'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Upload' });

const tag = 'uploads';
const one = z.strictObject({ id: z.uuid() });
const protocol = 'Resumable upload, https://tus.io/protocols/resumable-upload, version 1.0.0. ';
const DISCOVER = {
  method: 'OPTIONS', path: '/v1/uploads', permission: 'public', tag,
  summary: 'What the upload protocol can do here',
  responses: { 204: { description: 'Versions, extensions and the largest size, as headers.' } },
} as const satisfies RouteSpec; // prettier-ignore
const CREATE = {
  method: 'POST', path: '/v1/uploads', permission: 'uploads.create', tag,
  summary: 'Begin an upload',
  description: protocol + 'Headers: Tus-Resumable, Upload-Length or Upload-Defer-Length: 1, and Upload-Metadata with kind (footage, consent-clip), ' +
    'subject_id, and where they apply consent_id, capture_id and sha256, each in Base64. File names are not kept.',
  responses: { 201: { description: 'Send the bytes to Location.', headers: { Location: 'relative', 'Upload-Expires': 'until when it must be finished' } } },
  refusals: ['tus-version', 'upload-too-large', 'rate-limited', 'erased'],
} as const satisfies RouteSpec; // prettier-ignore
const OFFSET = {
  method: 'HEAD', path: '/v1/uploads/:id', permission: 'uploads.read', tag, params: one,
  summary: 'Where an upload stands',
  responses: { 200: { description: 'Upload-Offset: bytes that are kept.', headers: { 'Upload-Offset': 'bytes', 'Upload-Length': 'bytes, once known' } } },
  refusals: ['tus-version', 'upload-expired'],
} as const satisfies RouteSpec; // prettier-ignore
const APPEND = {
  method: 'PATCH', path: '/v1/uploads/:id', permission: 'uploads.create', tag, params: one,
  summary: 'Send bytes',
  description: protocol + 'Bytes are encrypted as they arrive. After a cut ask with HEAD and go on from there. The last request of a deferred upload says Upload-Length.',
  stream: { mediaTypes: [OFFSET_STREAM], description: 'Bytes from Upload-Offset on.' },
  responses: { 204: { description: 'Kept.', headers: { 'Upload-Offset': 'bytes that are kept now' } } },
  refusals: ['tus-version', 'upload-offset-conflict', 'upload-too-large', 'upload-length-mismatch', 'upload-interrupted', 'upload-expired', 'erased'],
} as const satisfies RouteSpec; // prettier-ignore
const ABORT = {
  method: 'DELETE', path: '/v1/uploads/:id', permission: 'uploads.create', tag, params: one,
  summary: 'Give an upload up',
  description: 'Nothing of it is left. A complete one stays: it is removed with the person it shows.',
  responses: { 204: { description: 'Gone.' } },
  refusals: ['tus-version', 'state-conflict'],
} as const satisfies RouteSpec; // prettier-ignore
const READ = {
  method: 'GET', path: '/v1/uploads/:id', permission: 'uploads.read', tag, params: one,
  summary: 'Read an upload',
  responses: { 200: { description: 'Once all bytes are here it is `checking`, then `ready` or `refused`.', schema: uploadWire } },
} as const satisfies RouteSpec; // prettier-ignore

/** The door of uploads. Every header is checked here, every state is kept by `UploadSessions`. */
@RouteController()
export class UploadsController {
  constructor(
    @Inject(UploadsService) private readonly uploads: UploadsService,
    @Inject(UploadSessions) private readonly sessions: UploadSessions,
  ) {}

  @Route(DISCOVER)
  discover(@Call() { reply }: RouteCall<typeof DISCOVER>): void {
    reply.headers({
      'tus-resumable': TUS_VERSION,
      'tus-version': TUS_VERSION,
      'tus-extension': TUS_EXTENSIONS.join(','),
      'tus-max-size': String(this.sessions.maxBytes),
    });
  }

  @Route(CREATE)
  async create(@Call() { principal, request, reply }: RouteCall<typeof CREATE>): Promise<void> {
    speakTus(request.headers, reply);
    const length = announcedLength(request.headers);
    const { kind, subject_id, consent_id, capture_id, sha256 } = readMetadata(request.headers);
    const session = await this.sessions.create(principal, {
      kind,
      subjectId: subject_id,
      ...(consent_id === undefined ? {} : { consentId: consent_id }),
      ...(capture_id === undefined ? {} : { captureId: capture_id }),
      ...(length === undefined ? {} : { length }),
      ...(sha256 === undefined ? {} : { sha256 }),
    });
    // Relative, so that no header of a client can put another host into it (case UP-02).
    reply.header('location', `/v1/uploads/${session.id}`);
    tellState(reply, session);
  }

  // Before the GET of the same address: Fastify makes a HEAD of its own for that one otherwise.
  @Route(OFFSET)
  async offset(@Call() { principal, params, request, reply }: RouteCall<typeof OFFSET>): Promise<void> {
    speakTus(request.headers, reply);
    await this.sessions.get(principal, params.id); // whose it is comes first
    await this.sessions.untilWritten(params.id);
    const session = await this.sessions.get(principal, params.id);
    if (session.state === 'expired')
      throw new UploadExpiredError('This upload was not finished within 24 hours. Begin a new one.');
    tellState(reply, session);
    const { length_bytes: length } = session;
    reply.header(length === null ? 'upload-defer-length' : 'upload-length', length ?? '1');
  }

  @Route(APPEND)
  async append(@Call() { principal, params, request, reply }: RouteCall<typeof APPEND>): Promise<void> {
    speakTus(request.headers, reply);
    const session = await this.sessions.receive(principal, params.id, {
      offset: requireOffset(request.headers),
      length: byteCount(request.headers, 'upload-length'),
      contentLength: byteCount(request.headers, 'content-length'),
      body: request.raw,
    });
    tellState(reply, session);
  }

  @Route(ABORT)
  async abort(@Call() { principal, params, request, reply }: RouteCall<typeof ABORT>): Promise<void> {
    speakTus(request.headers, reply);
    await this.sessions.abort(principal, params.id);
  }

  @Route(READ)
  async read(@Call() { principal, params, reply }: RouteCall<typeof READ>): Promise<object> {
    const view = await this.uploads.view(principal, params.id);
    if (view.state === 'checking') reply.header('retry-after', '1');
    return view;
  }
}

/** The version stands on every answer of the protocol, refusals too: set before anything can be refused. */
function speakTus(headers: Parameters<typeof requireVersion>[0], reply: FastifyReply): void {
  reply.headers({ 'tus-resumable': TUS_VERSION, 'tus-version': TUS_VERSION });
  requireVersion(headers);
}

function tellState(reply: FastifyReply, { offset_bytes, expires_at, state }: UploadSessionRow): void {
  reply.header('upload-offset', offset_bytes);
  if (state === 'receiving') reply.header('upload-expires', expires_at.toUTCString());
}
