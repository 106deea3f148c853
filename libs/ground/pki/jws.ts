import type { KeyObject } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import type { Signer } from './signer.ts';

const base64url = (value: Uint8Array | string): string => Buffer.from(value).toString('base64url');

/**
 * Compact JWS (RFC 7515) over the exact bytes. Written out rather than made by `jose`, which wants the private key itself: a signer
 * may be a security module.
 */
export async function signJws(
  payload: Uint8Array,
  signer: Signer,
  header: { readonly typ: string; readonly [name: string]: unknown },
): Promise<string> {
  const input = `${base64url(JSON.stringify({ alg: signer.algorithm, ...header }))}.${base64url(payload)}`;
  return `${input}.${base64url(await signer.sign(Buffer.from(input)))}`;
}

export type JwsReport =
  | { readonly valid: true; readonly payload: Uint8Array; readonly header: Readonly<Record<string, unknown>> }
  | { readonly valid: false; readonly reason: string };

/** Checks algorithm, type and signature. Reports, also for what is no JWS at all. */
export async function verifyJws(
  jws: string,
  key: KeyObject,
  expected: { algorithm: Signer['algorithm']; typ: string },
): Promise<JwsReport> {
  try {
    const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: [expected.algorithm] });
    if (protectedHeader.typ !== expected.typ) return { valid: false, reason: `the type is ${protectedHeader.typ ?? 'missing'}` };
    return { valid: true, payload, header: protectedHeader };
  } catch (error) {
    // TypeError: the key is of another kind than the algorithm, as in a row that brings its own hostile certificate.
    if (error instanceof errors.JOSEError || error instanceof TypeError) return { valid: false, reason: error.message };
    throw error;
  }
}
