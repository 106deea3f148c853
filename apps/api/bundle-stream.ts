import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** A folder for one export, below the system's temporary folder: log lines hold nothing personal. */
export async function bundleFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'assent-export-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The files of a folder as a tar stream, below one top folder. Destroying it stops the reading; a file that fails ends it. */
export function tarFolder(folder: string, top: string): Readable {
  const archive = pack();
  const fill = async (): Promise<void> => {
    for (const name of (await readdir(folder)).toSorted()) {
      const { size } = await stat(join(folder, name));
      // mtime 0 and no owner: the same log gives the same bytes.
      const entry = archive.entry({ name: `${top}/${name}`, size, mode: 0o644, mtime: new Date(0) });
      await pipeline(createReadStream(join(folder, name)), entry);
    }
    archive.finalize();
  };
  // A reader that went away destroys the pack; then the pipeline's complaint is no news, and destroy() is a no-op.
  fill().catch((error: unknown) => archive.destroy(error as Error));
  return Readable.from(archive, { objectMode: false });
}
