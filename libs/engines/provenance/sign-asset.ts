import { readFile, rm, writeFile } from 'node:fs/promises';
import { type LoadedPki, SignerNotReadyError, coseSign1, requirePki } from '#pki';
import { runC2pa } from './c2pa-engine.ts';
import type { C2paState } from './c2pa-verdict.ts';
import { type ManifestSpec, manifestDefinition } from './manifest-definition.ts';
import { IngredientRefusedError } from './provenance.errors.ts';
import { readC2pa } from './read-c2pa.ts';
import { engineSettings } from './trust.ts';
import { withoutProvenanceAddress } from './xmp-provenance.ts';

/** Who signs claims here: key, chain, time-stamp authority, and the anchors under which our own output must verify. */
export type ClaimIdentity = LoadedPki;

export interface IngredientSpec {
  readonly id: string;
  readonly title: string;
  /** A file that carries the ingredient's own manifest; without one, the ingredient is named by id and hash only. */
  readonly path?: string;
  readonly mimeType: string;
}

/** Two certificates (1.1 kB), a token with its own chain (1.9 kB), a stapled OCSP response later: 12 kB leave room for RSA chains. */
const RESERVE = 12_000;
/** What an ingredient may say about itself: nothing, or something that holds. An unknown signer is not our business here. */
const ACCEPTABLE: readonly C2paState[] = ['none', 'trusted', 'valid-untrusted'];

/**
 * Signs a file with a C2PA claim v2 (spec 2.4) and a time stamp. Returns the manifest bytes, which the registry keeps so that a
 * stripped file can be recovered through its watermark.
 * @throws SignerNotReadyError before any work without fitting key, chain and anchors; IngredientRefusedError for an ingredient whose
 * own manifest does not hold.
 */
export async function signAsset(
  file: { input: string; output: string; mimeType: string },
  spec: ManifestSpec,
  ingredients: readonly IngredientSpec[],
  identity: ClaimIdentity,
): Promise<Uint8Array> {
  requireReady(identity);
  await requireSoundIngredients(ingredients, identity);
  const clean = new CleanCopies(file.output);
  try {
    const input = await clean.of(file.input, file.mimeType);
    const parts = [];
    for (const { id, title, path, mimeType } of ingredients) {
      const definition = { title, format: mimeType, relationship: 'inputTo', label: id, instance_id: id };
      parts.push({ path: path === undefined ? undefined : await clean.of(path, mimeType), mimeType, definition });
    }
    const request = {
      op: 'sign' as const,
      ...file,
      input,
      definition: manifestDefinition(spec, ingredients.map(({ id }) => id)), // prettier-ignore
      settings: engineSettings(identity.anchors),
      algorithm: identity.signer.algorithm === 'ES256' ? ('es256' as const) : ('ed25519' as const),
      reserveSize: RESERVE,
      ingredients: parts,
    };
    const reply = await runC2pa(request, (claim, reserveSize) =>
      coseSign1({ signer: identity.signer, chainPem: identity.chainPem, tsa: identity.tsa, claim, reserveSize }),
    );
    if (reply.type !== 'signed') throw new Error(`c2pa-rs could not sign: ${'reason' in reply ? reply.reason : reply.type}`);
    return reply.manifest;
  } finally {
    await clean.remove();
  }
}

/** Start-up asks this too: a service that cannot sign must not take work (case PR-03). @throws SignerNotReadyError */
export function requireReady(identity: ClaimIdentity | undefined): asserts identity is ClaimIdentity {
  if (!identity) throw new SignerNotReadyError('No signing identity is configured.');
  requirePki(identity);
}

/** The engine signs over a tampered ingredient without a word, and calls the result trusted. */
async function requireSoundIngredients(ingredients: readonly IngredientSpec[], identity: ClaimIdentity): Promise<void> {
  for (const { id, path } of ingredients) {
    if (path === undefined) continue;
    const { state, reasons } = await readC2pa(path, identity.anchors);
    if (!ACCEPTABLE.includes(state))
      throw new IngredientRefusedError(`The ingredient "${id}" reads as ${state}. Use the file as its signer signed it.`, {
        state,
        reasons,
      });
  }
}

/** Copies without foreign manifest addresses, beside the output and gone with the call. */
class CleanCopies {
  readonly #made: string[] = [];
  constructor(private readonly beside: string) {}

  /** The path itself when the file names no address. */
  async of(path: string, mimeType: string): Promise<string> {
    const bytes = await readFile(path);
    const clean = withoutProvenanceAddress(bytes, mimeType);
    if (clean === bytes) return path;
    const copy = `${this.beside}.clean-${this.#made.length}`;
    this.#made.push(copy);
    await writeFile(copy, clean, { mode: 0o600 });
    return copy;
  }

  async remove(): Promise<void> {
    for (const path of this.#made) await rm(path, { force: true });
  }
}
