import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';
import { bareEnvironment } from '#kernel';
import { type CertifiedKey, type CoseOptions, FileSigner, TimestampAuthority, coseSign1, createDevelopmentPki } from '#pki';
import { runC2pa } from './c2pa-engine.ts';
import { type ManifestSpec, manifestDefinition } from './manifest-definition.ts';
import type { ClaimIdentity, IngredientSpec } from './sign-asset.ts';
import { engineSettings } from './trust.ts';

/** The smallest honest manifest. */
export const SPEC: ManifestSpec = {
  title: 'render',
  digitalSourceType: 'trainedAlgorithmicMedia',
  consent: {
    status_url: 'https://assent.example/v1/consents/q83vASNFZ4k/status',
    record_sha256: 'a'.repeat(64),
    scope_sha256: 'b'.repeat(64),
    assurance: 'none',
  },
  lineage: { render_id: 'r-1', replica_sha256: 'c'.repeat(64) },
};

export const identityOf = (claim: CertifiedKey, tsa: CertifiedKey, now: () => Date = () => new Date()): ClaimIdentity => ({
  signer: new FileSigner(claim.keyPem),
  chainPem: claim.chainPem,
  tsa: new TimestampAuthority(tsa, now),
  anchors: { claimRootsPem: claim.rootPem, tsaRootsPem: tsa.rootPem },
});

export async function newIdentity(): Promise<ClaimIdentity> {
  const { claim, tsa } = await createDevelopmentPki();
  return identityOf(claim, tsa);
}

/** A folder of made-up files for one spec. */
export class MediaFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'assent-provenance-'));
  at = (name: string): string => join(this.path, name);
  read = (name: string): Buffer => readFileSync(this.at(name));
  /** A copy in memory of its own, for libraries that are strict about it. */
  bytes = (name: string): Uint8Array<ArrayBuffer> => Uint8Array.from(this.read(name));
  write(name: string, bytes: Uint8Array): string {
    writeFileSync(this.at(name), bytes);
    return this.at(name);
  }
  png(name = 'a.png', tone = 0): string {
    const picture = new PNG({ width: 48, height: 32 });
    for (let i = 0; i < picture.data.length; i++) picture.data[i] = (i & 3) === 3 ? 255 : (i * 7 + tone) & 0xff;
    return this.write(name, PNG.sync.write(picture));
  }
  jpeg = (name = 'a.jpg'): string => this.write(name, JPEG);
  ffmpeg(args: string): void {
    const done = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-y', ...args.split(' ')], {
      cwd: this.path,
      env: bareEnvironment(),
    });
    if (done.status !== 0) throw new Error(`ffmpeg ${args}: ${done.stderr.toString()}`);
  }
  /** A second of pictures and sound. */
  movie(name = 'a.mp4'): string {
    this.ffmpeg(
      `-f lavfi -i testsrc2=s=128x96:r=25:d=1 -f lavfi -i sine=f=440:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac ${name}`,
    );
    return this.at(name);
  }
  /** MD5 of everything that is decoded, one line a stream. */
  decoded(name: string): string {
    const done = spawnSync('ffmpeg', ['-v', 'error', '-nostdin', '-i', this.at(name), '-f', 'streamhash', '-hash', 'md5', '-'], { env: bareEnvironment(), encoding: 'utf8' }); // prettier-ignore
    if (done.status !== 0) throw new Error(done.stderr);
    return done.stdout;
  }
  remove = (): void => rmSync(this.path, { recursive: true, force: true });
}

export const hasFfmpeg = spawnSync('ffmpeg', ['-version'], { env: bareEnvironment() }).status === 0;
export const ffmpegReason = hasFfmpeg ? '' : ' (skipped: ffmpeg is not installed)';

/** Signs what `signAsset` refuses to: the attacker does not ask whether his certificate is the right one. */
export async function signUnchecked(
  file: { input: string; output: string; mimeType: string },
  identity: ClaimIdentity,
  options: { spec?: ManifestSpec; ingredients?: readonly IngredientSpec[]; cose?: Partial<CoseOptions>; stamped?: boolean } = {},
): Promise<void> {
  const ingredients = options.ingredients ?? [];
  const { signer, chainPem, tsa } = identity;
  const reply = await runC2pa(
    {
      op: 'sign',
      ...file,
      definition: manifestDefinition(options.spec ?? SPEC, ingredients.map(({ id }) => id)),
      settings: engineSettings(identity.anchors, { verifyAfterSign: false }),
      algorithm: 'es256',
      reserveSize: 12_000,
      ingredients: ingredients.map(({ id, title, path, mimeType }) => ({ path, mimeType, definition: { title, format: mimeType, relationship: 'inputTo', label: id, instance_id: id } })),
    },
    (claim, reserveSize) => coseSign1({ signer, chainPem, claim, reserveSize, ...(options.stamped === false ? {} : { tsa }), ...options.cose }),
  ); // prettier-ignore
  if (reply.type !== 'signed') throw new Error(JSON.stringify(reply));
}

export interface PngChunk {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

export function chunksOf(png: Buffer): PngChunk[] {
  const chunks: PngChunk[] = [];
  for (let at = 8; at < png.length;) {
    const end = at + 12 + png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), start: at, end });
    at = end;
  }
  return chunks;
}

export const chunkOf = (png: Buffer, type: string): PngChunk => chunksOf(png).find((chunk) => chunk.type === type)!;

/** Makes the check sum of a chunk fit again: an attacker would, so that only the signature is left to notice. */
export function resealed(png: Buffer, { start, end }: PngChunk): Buffer {
  const copy = Buffer.from(png);
  copy.writeUInt32BE(crc32(copy.subarray(start + 4, end - 4)), end - 4);
  return copy;
}

/** 16 × 16, without metadata. */
const JPEG = Buffer.from(
  '/9j/4AAQSkZJRgABAgAAAQABAAD/2wBDAAgoKC8oLzc3Nzc3N0E8QUNDQ0FBQUFDQ0NISEhVVVVISEhDQ0hIUFBVVVxfXFdXVVdfX2RkZHh4c3OMjJGsrM//xABmAAEBAQAAAAAAAAAAAAAAAAAFAwcBAQEAAAAAAAAAAAAAAAAAAAAGEAABAgUFAQEAAAAAAAAAAAARAQIxABIhAxNBgSJRMnERAAIBBAMBAQAAAAAAAAAAABEBAgBBMSHxBPDBEv/AABEIABAAEAMBIgACEQADEQD/2gAMAwEAAhEDEQA/AMu7q5Ub+7W5WbY9VjrWUHYARMBLOOORIqtKj0RlFqpp0Dt9UG4qIPo5lLszbYIbWjhO9tLzqgnBGSJH6XwXyuK//9k=',
  'base64',
);
