import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Db } from '#db';
import { TILE_WIDTH, tilePath } from '#tlog';
import { type LogIdentity, logHead } from './log-reader.ts';

/**
 * Writes the log as C2SP tlog-tiles lays it out: `checkpoint`, `tile/<level>/<n>[.p/<w>]`, `tile/entries/<n>[.p/<w>]` (each entry behind
 * its length in 16 bits, big-endian). Static files: any web server publishes them, and the tools of other logs verify them as they are.
 * Tiles are cut to the checkpoint, so that the folder is one state of the log also while it grows. @throws NotFoundError (empty log)
 */
export async function writeTileFiles(db: Db, log: LogIdentity, folder: string): Promise<{ size: number; files: number }> {
  const { note, checkpoint } = await logHead(db, log);
  let files = 0;
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
    files++;
  };
  for (let level = 0, count = checkpoint.size; count > 0; level++, count = Math.floor(count / TILE_WIDTH))
    for (let index = 0; index * TILE_WIDTH < count; index++) {
      const width = Math.min(TILE_WIDTH, count - index * TILE_WIDTH);
      const [tile] = await db.query<{ hashes: Buffer }>('SELECT hashes FROM log_tiles WHERE level = $1 AND idx = $2', [
        level,
        index,
      ]);
      await write(tilePath(level, index, width), tile!.hashes.subarray(0, width * 32));
    }
  for (let index = 0; index * TILE_WIDTH < checkpoint.size; index++) {
    const from = index * TILE_WIDTH;
    const until = Math.min(from + TILE_WIDTH, checkpoint.size);
    const page = await db.query<{ line: string }>('SELECT line FROM log_entries WHERE idx >= $1 AND idx < $2 ORDER BY idx', [
      from,
      until,
    ]);
    const bundle = page.flatMap(({ line }) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(Buffer.byteLength(line));
      return [length, Buffer.from(line)];
    });
    await write(tilePath(0, index, until - from).replace('tile/0/', 'tile/entries/'), Buffer.concat(bundle));
  }
  await write('log.vkey', Buffer.from(log.verifierKey + '\n'));
  await write('checkpoint', Buffer.from(note)); // last: who reads it finds every tile it speaks of
  return { size: checkpoint.size, files };
}
