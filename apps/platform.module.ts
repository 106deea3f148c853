import { join } from 'node:path';
import { type DynamicModule, Module } from '@nestjs/common';
import { ApiKeys, Links, accessEntities } from '#access';
import { Audit, HeadFile, Sequencer, auditEntities } from '#audit';
import { consentEntities } from '#consent';
import { Db, type EmbeddedPostgres, migrate, openDb, startEmbeddedPostgres } from '#db';
import { identityEntities } from '#identity';
import { type Config, PublicUrl } from '#kernel';
import { KeyStore } from '#keys';
import { chooseSandbox, findMediaTools } from '#media';
import { migrations } from '#migrations';
import { FileSigner, ReceiptKey, TimestampAuthority, createDevelopmentPki } from '#pki';
import { requireReady } from '#provenance';
import { Jobs, WakeUps, queueEntities } from '#queue';
import { MarkRegistry, SigningKit, replicaEntities } from '#replicas';
import { renderingEntities } from '#rendering';
import { type ObjectStore, Objects, Scratch, openStore, storageEntities } from '#storage';
import { NoteSigner } from '#tlog';
import { trainingEntities } from '#training';
import { MediaKit, uploadEntities } from '#uploads';
import { VerificationKit } from '#verification';

export const entities = [...auditEntities, ...accessEntities, ...queueEntities, ...storageEntities, ...identityEntities, ...uploadEntities, ...consentEntities, ...trainingEntities, ...replicaEntities, ...renderingEntities]; // prettier-ignore

/** The outside resources of one process, opened in the order in which they depend on each other. */
export interface Platform {
  readonly module: DynamicModule;
  readonly db: Db;
  readonly jobs: Jobs;
  readonly apiKeys: ApiKeys;
  readonly sequencer: Sequencer;
  readonly log: NoteSigner;
  readonly signing: SigningKit;
  readonly media: MediaKit;
  readonly scratch: Scratch;
  readonly store: ObjectStore;
  readonly wakeUps: WakeUps;
  readonly databaseVersion: string;
  close(): Promise<void>;
}

/** Opens everything. Start-up refuses rather than running half-equipped: without keys, anchors, ffmpeg or database there is no platform. */
export async function openPlatform(config: Config, onFault: (error: unknown) => void): Promise<Platform> {
  const home = config.ASSENT_HOME;
  const keys = await KeyStore.open(join(home, 'keys'));
  const signing = await signingKit(keys);
  requireReady(signing.identity);
  const media = new MediaKit(await findMediaTools({ ffmpegPath: config.FFMPEG_PATH }), chooseSandbox(config.ASSENT_SANDBOX));
  const scratch = new Scratch(join(home, 'scratch'));
  await scratch.sweep();
  const store = await openStore(config);
  const server: EmbeddedPostgres | undefined =
    config.DATABASE_URL === undefined ? await startEmbeddedPostgres(join(home, 'postgres')) : undefined;
  const url = server?.url ?? config.DATABASE_URL!;
  const db = await openDb({ url, entities: entities as never[], migrations, idleSeconds: config.WORKER_LEASE_SECONDS });
  await migrate(db);
  const log = new NoteSigner('assent.local/log', await keys.serviceSecret('log-signer', () => randomSeed()));
  const sequencer = new Sequencer(db, log, new HeadFile(join(home, 'log', 'head')), onFault);
  await sequencer.start();
  const objects = new Objects(db, keys, store);
  const jobs = new Jobs(db);
  const wakeUps = new WakeUps(
    config.QUEUE_BACKEND === 'redis' ? { kind: 'redis', url: config.REDIS_URL! } : { kind: 'postgres', url },
    onFault,
  );
  await wakeUps.relay(jobs);
  const receipts = new ReceiptKey(
    (await keys.serviceSecret('receipts', () => Buffer.from(ReceiptKey.generatePem()))).toString(),
    'receipts-1',
  );
  const [{ v: databaseVersion }] = (await db.query<{ v: string }>(`SELECT current_setting('server_version') v`)) as [
    { v: string },
  ];
  const audit = new Audit(keys);
  const apiKeys = new ApiKeys(db, audit, keys);
  const providers = [
    { provide: Db, useValue: db },
    { provide: KeyStore, useValue: keys },
    { provide: Objects, useValue: objects },
    { provide: Scratch, useValue: scratch },
    { provide: Audit, useValue: audit },
    { provide: Jobs, useValue: jobs },
    { provide: ApiKeys, useValue: apiKeys },
    { provide: Links, useValue: new Links(db, keys) },
    { provide: ReceiptKey, useValue: receipts },
    { provide: PublicUrl, useValue: new PublicUrl(config.PUBLIC_URL ?? `http://${config.HOST}:${config.PORT}`) },
    { provide: MediaKit, useValue: media },
    { provide: SigningKit, useValue: signing },
    {
      provide: VerificationKit,
      useValue: new VerificationKit(
        signing.identity.anchors,
        signing.markKeys,
        media.tools,
        media.sandbox.tier,
        new MarkRegistry(db, keys),
      ),
    },
  ];
  return {
    module: { module: PlatformModule, global: true, providers, exports: providers.map(({ provide }) => provide) },
    db, jobs, apiKeys, sequencer, log, signing, media, scratch, store, wakeUps, databaseVersion,
    // Reverse order; the queue's connections before the database, or each of them complains.
    async close() {
      await wakeUps.close();
      await sequencer.stop();
      await db.dataSource.destroy();
      await server?.stop();
      await scratch.sweep();
    },
  }; // prettier-ignore
}

async function signingKit(keys: KeyStore): Promise<SigningKit> {
  const stored = await keys.serviceSecret('development-pki', async () =>
    Buffer.from(JSON.stringify(await createDevelopmentPki())),
  );
  const pki = JSON.parse(stored.toString()) as Awaited<ReturnType<typeof createDevelopmentPki>>;
  const identity = {
    signer: new FileSigner(pki.claim.keyPem),
    chainPem: pki.claim.chainPem,
    tsa: new TimestampAuthority(pki.tsa),
    anchors: { claimRootsPem: pki.claim.rootPem, tsaRootsPem: pki.tsa.rootPem },
  };
  return new SigningKit(identity, [{ kid: 'wm-1', key: await keys.serviceSecret('watermark-1', () => randomSeed()) }]);
}

const randomSeed = (): Uint8Array => crypto.getRandomValues(new Uint8Array(32));

@Module({})
export class PlatformModule {}
