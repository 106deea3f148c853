import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { ConsentModule, ConsentService } from '#consent';
import { Db } from '#db';
import { IdentityModule, SubjectsService } from '#identity';
import { JobEventFeed, Jobs } from '#queue';
import { ReplicasModule, ReplicasService, SigningKit } from '#replicas';
import { Objects, Scratch } from '#storage';
import { MediaKit, UploadsModule, UploadsService } from '#uploads';
import { TrainingService } from './training.service.ts';

@Module({
  imports: [ConsentModule, IdentityModule, ReplicasModule, UploadsModule],
  providers: [
    { provide: JobEventFeed, inject: [Db], useFactory: (db: Db) => new JobEventFeed(db) },
    {
      provide: TrainingService,
      inject: [
        Db,
        Audit,
        Jobs,
        ConsentService,
        UploadsService,
        SubjectsService,
        ReplicasService,
        Objects,
        Scratch,
        MediaKit,
        SigningKit,
      ],
      useFactory: (
        db: Db, audit: Audit, jobs: Jobs, consent: ConsentService, uploads: UploadsService, subjects: SubjectsService, replicas: ReplicasService,
        objects: Objects, scratch: Scratch, media: MediaKit, signing: SigningKit,
      ) => new TrainingService({ db, audit, jobs, consent, uploads, subjects, replicas, objects, scratch, media, signing }), // prettier-ignore
    },
  ],
  exports: [TrainingService, JobEventFeed],
})
export class TrainingModule {}
