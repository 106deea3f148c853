import { HASH_BYTES } from './merkle.ts';
import { type NoteSigner, NoteError, openNote } from './signed-note.ts';

/** C2SP tlog-checkpoint: which log, how many entries, which root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string => `${origin}\n${size}\n${root.toString('base64')}\n`;

export const signCheckpoint = (checkpoint: Checkpoint, signer: NoteSigner): string => signer.sign(checkpointText(checkpoint));

/** @throws NoteError when it is not a checkpoint of `origin` signed by one of the keys. */
export function openCheckpoint(note: string, verifierKeys: readonly string[], origin: string): Checkpoint {
  const { text } = openNote(note, verifierKeys);
  const [named, size, root] = text.split('\n');
  if (named !== origin) throw new NoteError(`the checkpoint is of another log (${named})`);
  if (!/^(0|[1-9][0-9]*)$/.test(size ?? '') || !Number.isSafeInteger(Number(size)))
    throw new NoteError('the checkpoint has no size');
  const hash = Buffer.from(root ?? '', 'base64');
  if (hash.length !== HASH_BYTES || hash.toString('base64') !== root) throw new NoteError('the checkpoint has no root hash');
  return { origin, size: Number(size), root: hash };
}
