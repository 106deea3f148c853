import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { ConsentModule, ConsentService } from '#consent';
import { Db } from '#db';
import { Jobs } from '#queue';
import { ReplicasModule, ReplicasService, SigningKit } from '#replicas';
import { Objects, Scratch } from '#storage';
import { MediaKit, UploadsModule, UploadsService } from '#uploads';
import { RenderingService } from './rendering.service.ts';

@Module({
  imports: [ConsentModule, ReplicasModule, UploadsModule],
  providers: [
    {
      provide: RenderingService,
      inject: [Db, Audit, Jobs, ConsentService, UploadsService, ReplicasService, Objects, Scratch, MediaKit, SigningKit],
      useFactory: (
        db: Db, audit: Audit, jobs: Jobs, consent: ConsentService, uploads: UploadsService, replicas: ReplicasService, objects: Objects,
        scratch: Scratch, media: MediaKit, signing: SigningKit,
      ) => new RenderingService({ db, audit, jobs, consent, uploads, replicas, objects, scratch, media, signing }), // prettier-ignore
    },
  ],
  exports: [RenderingService],
})
export class RenderingModule {}
