import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shipped } from '#kernel';
import { ModelHashMismatchError, ModelUnusableError } from './models.errors.ts';

export interface TensorContract {
  readonly type: 'float32' | 'int64';
  readonly shape: readonly number[];
  /** Range of the values that the net expects. Another range gives wrong answers without an error. */
  readonly range?: readonly [number, number];
}

/** One row of models/models.json; the card beside the file has the whole contract. */
export interface ModelEntry {
  readonly name: string;
  readonly file: string;
  readonly card: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly task: string;
  readonly licence: string;
  readonly source: string;
  readonly inputs: Readonly<Record<string, TensorContract>>;
  readonly outputs: Readonly<Record<string, TensorContract>>;
}

export type ModelName =
  'face_detector_short_range' | 'face_mesh_attention_478' | 'face_embed_dlib' | 'selfie_segmentation' | 'silero_vad_v6';

/** What models/models.json lists. @throws ModelUnusableError when it cannot be read. */
export function listModels(folder: string = shipped('models')): readonly ModelEntry[] {
  try {
    return (JSON.parse(readFileSync(join(folder, 'models.json'), 'utf8')) as { models: ModelEntry[] }).models;
  } catch (cause) {
    throw new ModelUnusableError('models/models.json cannot be read: restore the models folder.', {}, { cause });
  }
}

/** @throws ModelUnusableError for a name that is not listed. */
export function getModel(name: string, folder?: string): ModelEntry {
  const entry = listModels(folder).find((model) => model.name === name);
  if (!entry) throw new ModelUnusableError(`There is no model "${name}" in models/models.json.`);
  return entry;
}

/**
 * The bytes of a model, after its sha256 was compared with the registry: a swapped net would decide who a person is.
 * @throws ModelUnusableError, ModelHashMismatchError
 */
export function readModel(name: string, folder: string = shipped('models')): Buffer {
  const entry = getModel(name, folder);
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, entry.file));
  } catch (cause) {
    throw new ModelUnusableError(`models/${entry.file} cannot be read: restore it from the package.`, {}, { cause });
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (sha256 !== entry.sha256) {
    throw new ModelHashMismatchError(
      `models/${entry.file} has sha256 ${sha256}, not ${entry.sha256}: restore it from the package.`,
      { model: name, expected: entry.sha256, found: sha256 },
    );
  }
  return bytes;
}

/** Name → sha256 of these models, for the record of a decision. */
export const modelHashes = (...names: ModelName[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, getModel(name).sha256]));
