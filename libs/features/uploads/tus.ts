import { z } from 'zod';
import { DomainError, InvalidInputError } from '#kernel';

/** The version of the resumable upload protocol that is spoken here: https://tus.io/protocols/resumable-upload */
export const TUS_VERSION = '1.0.0';
export const TUS_EXTENSIONS = ['creation', 'creation-defer-length', 'termination', 'expiration'] as const;
/** The one content type of a PATCH. */
export const OFFSET_STREAM = 'application/offset+octet-stream';

export class TusVersionError extends DomainError {
  override readonly problem = { slug: 'tus-version', status: 412, title: 'Another version of the upload protocol' } as const;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** @throws TusVersionError: the protocol wants 412 for a request without its version. */
export function requireVersion(headers: Headers): void {
  if (headers['tus-resumable'] !== TUS_VERSION)
    throw new TusVersionError(`Send the header Tus-Resumable: ${TUS_VERSION}.`, { versions: [TUS_VERSION] });
}

/** A header that counts bytes; undefined where it is missing. Exact up to 2^53, digits only. @throws InvalidInputError */
export function byteCount(headers: Headers, name: string): number | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  const count = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(count)) throw fault(name, 'a whole number of bytes');
  return count;
}

export function requireOffset(headers: Headers): number {
  const offset = byteCount(headers, 'upload-offset');
  if (offset === undefined) throw fault('upload-offset', 'needed: where these bytes belong');
  return offset;
}

/** The length of a new upload, or undefined where it is deferred. Exactly one of both must be said. */
export function announcedLength(headers: Headers): number | undefined {
  const length = byteCount(headers, 'upload-length');
  const deferred = headers['upload-defer-length'];
  if (deferred !== undefined && deferred !== '1') throw fault('upload-defer-length', 'only 1');
  if ((length === undefined) === (deferred === undefined))
    throw fault('upload-length', 'needed, or Upload-Defer-Length: 1, not both');
  return length;
}

const uploadMetadata = z.object({
  kind: z.enum(['footage', 'consent-clip']),
  subject_id: z.uuid(),
  consent_id: z.uuid().optional(),
  capture_id: z.uuid().optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).optional(),
}); // prettier-ignore
export type UploadMetadata = z.infer<typeof uploadMetadata>;

/** `key base64, key base64, …`. Keys that we do not know (file names above all) are dropped unread. @throws InvalidInputError */
export function readMetadata(headers: Headers): UploadMetadata {
  const value = headers['upload-metadata'];
  const known = new Map<string, string>();
  for (const pair of typeof value === 'string' ? value.split(',') : []) {
    const [key, encoded = '', ...rest] = pair.trim().split(' ');
    if (key === undefined || !Object.hasOwn(uploadMetadata.shape, key)) continue;
    if (known.has(key) || rest.length > 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded))
      throw fault(`upload-metadata/${key}`, 'once, and in Base64');
    known.set(key, Buffer.from(encoded, 'base64').toString('utf8'));
  }
  const parsed = uploadMetadata.safeParse(Object.fromEntries(known));
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => ({ pointer: `/headers/upload-metadata/${path.join('/')}`, detail: message })); // prettier-ignore
  throw new InvalidInputError('The Upload-Metadata has faults.', faults);
}

const fault = (header: string, detail: string): InvalidInputError =>
  new InvalidInputError(`The header ${header.split('/')[0]!} has a fault.`, [{ pointer: `/headers/${header}`, detail }]);
