import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { ConsentModule, ConsentService } from '#consent';
import { Db } from '#db';
import { JobEventFeed, Jobs } from '#queue';
import { MarkRegistry, ReplicasModule, ReplicasService, SigningKit } from '#replicas';
import { Objects, Scratch } from '#storage';
import { MediaKit, UploadsModule, UploadsService } from '#uploads';
import { RenderDownloads } from './render-downloads.ts';
import { RenderingService } from './rendering.service.ts';

@Module({
  imports: [ConsentModule, ReplicasModule, UploadsModule],
  providers: [
    { provide: JobEventFeed, inject: [Db], useFactory: (db: Db) => new JobEventFeed(db) },
    {
      provide: RenderDownloads,
      inject: [Db, Audit, ConsentService, Objects, RenderingService],
      useFactory: (db: Db, audit: Audit, consent: ConsentService, objects: Objects, renders: RenderingService) =>
        new RenderDownloads({ db, audit, consent, objects, renders }),
    },
    {
      provide: RenderingService,
      inject: [
        Db,
        Audit,
        Jobs,
        ConsentService,
        UploadsService,
        ReplicasService,
        MarkRegistry,
        Objects,
        Scratch,
        MediaKit,
        SigningKit,
      ],
      useFactory: (
        db: Db, audit: Audit, jobs: Jobs, consent: ConsentService, uploads: UploadsService, replicas: ReplicasService, marks: MarkRegistry, objects: Objects,
        scratch: Scratch, media: MediaKit, signing: SigningKit,
      ) => new RenderingService({ db, audit, jobs, consent, uploads, replicas, marks, objects, scratch, media, signing }), // prettier-ignore
    },
  ],
  exports: [RenderingService, RenderDownloads, JobEventFeed],
})
export class RenderingModule {}
