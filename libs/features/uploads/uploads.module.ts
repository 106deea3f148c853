import { Module } from '@nestjs/common';
import { Audit } from '#audit';
import { Db } from '#db';
import { Jobs } from '#queue';
import { Objects, Scratch } from '#storage';
import { MediaKit } from './media-kit.ts';
import { UploadCheck, UploadDiscard } from './upload-check.ts';
import { UploadSessions } from './upload-sessions.ts';
import { UploadsService } from './uploads.service.ts';

const job = <T>(make: new (deps: ConstructorParameters<typeof UploadCheck>[0]) => T) => ({
  provide: make,
  inject: [Db, Audit, Jobs, Objects, Scratch, UploadsService],
  useFactory: (db: Db, audit: Audit, jobs: Jobs, objects: Objects, scratch: Scratch, uploads: UploadsService) =>
    new make({ db, audit, jobs, objects, scratch, uploads }),
});

@Module({
  providers: [
    {
      provide: UploadsService,
      inject: [Db, Audit, Objects, MediaKit],
      useFactory: (db: Db, audit: Audit, objects: Objects, media: MediaKit) => new UploadsService(db, audit, objects, media),
    },
    {
      provide: UploadSessions,
      inject: [Db, Jobs, Objects],
      useFactory: (db: Db, jobs: Jobs, objects: Objects) => new UploadSessions(db, jobs, objects),
    },
    job(UploadCheck),
    job(UploadDiscard),
  ],
  exports: [UploadsService, UploadSessions, UploadCheck, UploadDiscard],
})
export class UploadsModule {}
