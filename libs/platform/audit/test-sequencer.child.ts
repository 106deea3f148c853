import 'reflect-metadata';
import { openDb } from '#db';
import { NoteSigner } from '#tlog';
import { HeadFile } from './head-file.ts';
import { Sequencer } from './sequencer.ts';

/**
 * A real sequencer process for the tests of this room, to be killed at any moment. Says `ready` when it works.
 *
 *     node test-sequencer.child.js '{"url": …, "head": "/…/head", "seed": "<64 hex digits>", "everyMs": 5}'
 */
interface Options {
  readonly url: string;
  readonly head: string;
  readonly seed: string;
  readonly everyMs: number;
}
const options = JSON.parse(process.argv[2]!) as Options;
const db = await openDb({ url: options.url, poolSize: 2 });
const signer = new NoteSigner('assent.test/log', Buffer.from(options.seed, 'hex'));
const sequencer = new Sequencer(db, signer, new HeadFile(options.head), (error) => console.log(`fault ${String(error)}`));
await sequencer.start(options.everyMs);
console.log(sequencer.leads ? 'ready leading' : 'ready standing-by');
